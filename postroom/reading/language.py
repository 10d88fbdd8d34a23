"""Which language a text is in: ru, en, de, fr, es or other.

In: text, or a mail's new text, subject and signature. Out: a two-letter token. Method: script
first, then the commonest short words of each language, then letters only one of them has;
neighbours (Ukrainian, Bulgarian, Italian, Dutch, Polish ...) are known only so that they are not
mistaken for the five. Of a mail, what its author says counts before what he lists: parts have
English names in any language, and logs are pasted. Pure, no download, linear in the part looked at.

Limits: looks at the first 1,200 characters; texts of two or three words are a guess by letters.
"""

import re

_WORD = re.compile(r"[^\W\d_]+")
_ASCII_WORD = re.compile("[a-z]+")  # the same in ASCII, found in half the time
_LOOKED_AT = 1_200
_SUBJECT = 200  # characters of it, and of the signature's first line, that are looked at
_OPENING = 2  # lines that are the author's own, whatever he pastes below
_SURE = 3.0  # points, and twice those of any other language
_LETTERS = 8  # Cyrillic ones, likewise
_DIGIT = re.compile(r"\d")

# The commonest function words plus those of business mail. Words two languages share are in both.
_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(
        "the and to of a in is for on you that it with we please this be are have your as our "
        "not will at or from if can any by would was has my me i thank thanks hello hi dear order "
        "regards all but an do need know let best could which there they been what when invoice "
        "quote price attached find get send how also just out no so up one more about he she his "
        "her were had their who does did its than then some new time only into over after".split()
    ),
    "de": frozenset(
        "der die und das ist nicht ich wir sie mit den für von zu auf im ein eine bitte dem des "
        "sich auch es an werden aus bei oder haben hat sind wie einen noch uns ihnen ihre als nach "
        "um bis wird vielen dank grüßen grüße gruß freundlichen hallo guten tag sehr geehrte damen "
        "herren bestellung bestellen stück rechnung anbei lieferung können kann möchten unsere "
        "unser über zum zur vom am nur wenn dass daß aber ihr ihren ihrer mir mich was war keine "
        "mehr diese dieser angebot benötigen zzgl beste gruss fuer mfg moin bestelle hiermit "
        "benötige brauche brauchen folgende".split()
    ),
    "fr": frozenset(
        "le la les de des et est en un une du que qui pour dans nous vous je il elle ne pas ce "
        "sur au aux avec votre vos notre nos mais ou où si se sont plus par merci bonjour "
        "cordialement commande facture veuillez trouver ci joint salutations monsieur madame être "
        "avons avez avoir cette ces mon ma mes bien très tout tous comme leur fait faire été "
        "souhaite souhaitons commander livraison devis prix suis votre d l qu n j c s m".split()
    ),
    "es": frozenset(
        "el la los las de y que en un una es por para con se no su sus del al lo como más pero le "
        "nos les hola gracias saludos pedido factura adjunto usted ustedes estimado estimados "
        "estimada buenos buenas días tardes favor este esta está estos muy si ya hay o nuestro "
        "nuestra quisiera podrían podría cordial cordiales atentamente unidades precio envío "
        "necesito necesitamos envíen me mi porque cuando desde sobre hasta también fue ha han "
        "ser".split()
    ),
    "it": frozenset(
        "il lo la gli di e che è un una per con non sono del della dei delle al alla si ma come "
        "anche più grazie buongiorno cordiali saluti vi ci ordine fattura nel nella da le i ho "
        "questo questa essere ha gentile distinti siamo".split()
    ),
    "nl": frozenset(
        "de het een en van is dat niet in op te zijn met voor aan er ik wij we u uw ook om bij "
        "naar als maar dit die hebben heeft bestelling factuur groet groeten vriendelijke "
        "beste geachte graag wordt kunnen over uit nog wel".split()
    ),
    "pt": frozenset(
        "o a os as de e que em um uma do da dos das no na para com não se por mais como mas ao "
        "obrigado obrigada olá cumprimentos atenciosamente pedido fatura encomenda você vocês "
        "nosso nossa seu sua foi ser está são também já bom dia segue anexo".split()
    ),
    "pl": frozenset(
        "i w na z do nie się to jest że o jak za po od dla przez ale czy proszę dzień dobry "
        "dziękuję pozdrawiam zamówienie faktura witam są oraz będzie jako tym".split()
    ),
    "sv": frozenset(
        "och att det i en jag som på är av för med den till inte har de vi om ett hej tack "
        "beställning faktura vänliga hälsningar kan ska från så men".split()
    ),
    "da": frozenset(
        "og at det i en jeg som på er af for med den til ikke har de vi om et hej tak ordre "
        "faktura venlig hilsen kan skal fra så men ved og".split()
    ),
    "cs": frozenset(
        "a v na se je že to s z do o k pro jako ale by i po za od dobrý den děkuji pozdravem "
        "objednávka faktura jsme není jsou také".split()
    ),
    "tr": frozenset(
        "ve bir bu için ile da de çok olarak merhaba teşekkürler sipariş fatura saygılarımla "
        "sayın olan daha en ne gibi lütfen".split()
    ),
    "ro": frozenset(
        "și de la în a cu pe nu un o să este pentru care din mai ca vă mulțumesc bună ziua "
        "comandă factură stimate".split()
    ),
    "fi": frozenset(
        "ja on ei se että oli kun hän mutta ovat niin kiitos tilaus lasku terveisin hei "
        "joka myös tai voi".split()
    ),
    "hu": frozenset(
        "a az és hogy nem is egy de van ez meg kérem köszönöm tisztelt rendelés számla "
        "üdvözlettel volt csak már".split()
    ),
}
_ONLY = {
    "de": re.compile("[äöüß]"),
    "fr": re.compile("[èêëàçœùîôû]"),
    "es": re.compile("[ñ¿¡áíóú]"),
}
_OURS = ("en", "de", "fr", "es")
LANGUAGES = ("ru", *_OURS, "other")  # all that is ever said
_NOT_RUSSIAN = re.compile("[іїєґђјљњћџќѓѕўәғқңөұүһ]")
_NOT_BULGARIAN = re.compile("[ыэё]")
_ASCII = "abcdefghijklmnopqrstuvwxyz"
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_ACCENTED = re.compile("[\u00df-\u017f]")
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {
    word: tuple(name for name, known in _WORDS.items() if word in known)
    for word in frozenset().union(*_WORDS.values())
}
# With one of these a line is said to somebody, whatever numbers it has.
_SAID = frozenset(
    "i we you us my our your please thank thanks hi hello dear regards need send would could can "
    "ich wir sie uns mir ihr ihnen ihre unsere bitte danke dank hallo guten mfg brauche brauchen "
    "benötige benötigen bestelle bestellen je nous vous merci bonjour votre notre veuillez "
    "souhaitons hola gracias favor necesito necesitamos envíen мы вы нам вам нас вас прошу просим "
    "пожалуйста здравствуйте добрый спасибо нужно нужны".split()
)


def detect(text: str) -> str:
    """The language of a text; "other" when it is none of the five or cannot be told."""
    return _judged(text[:_LOOKED_AT].lower())[0]


def of_mail(new: str, subject: str, signature: str = "") -> str:
    """The language in which the author of a mail writes; "other" as above."""
    new = new[:_LOOKED_AT].lower()
    lines = [line for line in new.split("\n") if line.strip()]
    own = [line for line in lines if not _DIGIT.search(line) or _is_said(line)]
    found, is_sure = _judged("\n".join(own))
    if len(own) > 1 and (found == "en" or not is_sure):
        opening = _judged("\n".join(_opening(own)))
        if opening[1]:
            return opening[0]
    if is_sure:
        return found
    closing = signature[:_LOOKED_AT].lstrip().partition("\n")[0][:_SUBJECT]
    around = f"{subject[:_SUBJECT]}\n{closing}\n".lower()
    found, is_sure = _judged(around + "\n".join(own))
    return found if is_sure or len(own) == len(lines) else _judged(around + new)[0]


def _opening(own: list[str]) -> list[str]:
    """The lines above what may be pasted: it follows a colon, or a greeting and a sentence."""
    return own[:1] if own[0].rstrip().endswith(":") else own[: min(_OPENING, len(own) - 1)]


def _is_said(line: str) -> bool:
    return not _SAID.isdisjoint(_WORD.findall(line))


def _judged(sample: str) -> tuple[str, bool]:
    """The language of a text in small letters, and whether that is sure."""
    if sample.isascii():
        words = _ASCII_WORD.findall(sample)
        return _latin(sample, words) if words else ("other", False)
    words = _WORD.findall(sample)
    latin = sum(map(sample.count, _ASCII)) + len(_ACCENTED.findall(sample))
    cyrillic = len(_CYRILLIC.findall(sample))
    others = sum(map(len, words)) - latin - cyrillic
    # Article numbers, addresses and signatures put Latin into Russian mail, not the reverse.
    if cyrillic and cyrillic * 3 >= latin and cyrillic * 2 >= others:
        return _cyrillic(sample, cyrillic), cyrillic >= _LETTERS
    if not latin or others > latin:
        return "other", False
    return _latin(sample, words)


def _cyrillic(sample: str, letters: int) -> str:
    foreign = len(_NOT_RUSSIAN.findall(sample))
    if foreign * 60 > letters:
        return "other"
    # Bulgarian has no ы, э or ё, and many ъ.
    few = 40 if letters <= 200 else 100
    if letters > 40 and not _NOT_BULGARIAN.search(sample) and sample.count("ъ") * few > letters:
        return "other"
    return "ru"


def _latin(sample: str, words: list[str]) -> tuple[str, bool]:
    scores = dict.fromkeys(_WORDS, 0.0)
    for word in words:
        for name in _LANGUAGES_OF.get(word, ()):
            scores[name] += 1.5 if len(word) > 3 else 1.0
    if not sample.isascii():
        for name, letters in _ONLY.items():
            scores[name] += 0.25 * min(len(letters.findall(sample)), 8)
    best = max(scores, key=lambda name: scores[name])
    score = scores.pop(best)
    if best not in _OURS or score < min(2.0, 0.5 * len(words)) or not score:
        return "other", False
    if score * 12 < len(words):  # real sentences are a third function words
        return "other", False
    single = sum(len(word) == 1 for word in words)  # many an article number has such a letter
    return best, score - single >= _SURE and score >= 2 * max(scores.values())
