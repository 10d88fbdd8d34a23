"""The lines with which mail programs introduce what they quote, forward or sign.

Patterns only, in English, Russian, German, French and Spanish, and a few neighbours; quotes.py
decides with them. Each is applied to one line of at most `LONGEST` characters and has bounded
repeats, so none can run away.
"""

import re

LONGEST = 500  # characters; a longer line is text

# "-----Original Message-----" and its translations; also "Forwarded by ... on ..." of Notes.
SEPARATOR = re.compile(
    r"^[\s>*]{0,9}[-_=*~+—–]{2,80}\s{0,5}(?:"
    r"original[- ]?(?:message|nachricht|appointment|text|mail)|reply[- ]message|"
    r"urspr(?:ü|ue)ngliche[ -](?:nachricht|mail|e-mail)|original(?:nachricht|mail)|"
    r"antwort(?:nachricht)?|"
    r"(?:исходное|оригинальное|первоначальное|изначальное) (?:сообщение|письмо)|"
    r"message d['’´`]origine|message (?:original|initial|d'origine)|"
    r"mensaje original|messaggio originale|oorspronkelijk bericht|mensagem original|"
    r"oryginalna wiadomość|ursprungligt meddelande|oprindelig meddelelse"
    r")[^\n]{0,80}$",
    re.IGNORECASE,
)
FORWARD = re.compile(
    r"^[\s>*]{0,9}(?:[-_=*~+—–]{2,80}\s{0,5})?(?:"
    r"forwarded (?:message|by|mail)|begin forwarded message|forwarded message follows|"
    r"start of forwarded message|"
    r"(?:пересылаемое|пересланное|переадресованное|переправленное|перенаправленное) "
    r"(?:сообщение|письмо)|начало (?:переадресованного|пересылаемого|пересланного) сообщения|"
    r"weitergeleitete[- ]?(?:nachricht|mail|e-mail)|anfang der weitergeleiteten (?:nachricht|"
    r"e-mail)|"
    r"message (?:transféré|transmis|réexpédié)|début du message (?:réexpédié|transféré)|"
    r"mensaje reenviado|inicio del mensaje reenviado|"
    r"messaggio inoltrato|doorgestuurd bericht|mensagem (?:encaminhada|reencaminhada)|"
    r"wiadomość przekazana dalej|vidarebefordrat meddelande"
    r")(?=\W|$)[^\n]{0,120}$",
    re.IGNORECASE,
)
FORWARD_END = re.compile(
    r"^[\s>*]{0,9}[-_=*~—–]{2,80}\s{0,5}(?:end of forwarded|end forwarded|"
    r"конец (?:пересылаемого|пересланного|переадресованного)|"
    r"ende der weitergeleiteten|fin d[ue]|fin del)[^\n]{0,80}$",
    re.IGNORECASE,
)

_VERBS = (
    r"(?:wrote|writes|has written|said|schrieb|schreibt|geschrieben|"
    r"пишет|писала?|написала?|(?:на)?писал\(а\)|(?:на)?писал\(-а\)|(?:на)?писали|"
    r"сообщил(?:а|\(а\))?|ответил(?:а|\(а\))?|"
    r"a écrit|écrivait|écrivit|a ecrit|écrit|escribi[óo]|escribe|ha escrito|"
    r"ha scritto|scrive|schreef|escreveu|napisał(?:\(a\)|a)?|skrev|kirjoitti|yazdı|írta|"
    r"napsal\(a\)|napsal)"
)
# The verb ends the line ("On ... X wrote:") or a name stands behind it ("Am ... schrieb X:").
ATTRIBUTION_VERB = re.compile(
    rf"(?:^|[\s\"'>)\]*,]){_VERBS}(?:\s{{1,3}}(?:[^:\n]|:(?=\d)){{1,160}}+)?\s{{0,3}}:?[\s*]{{0,3}}$",
    re.IGNORECASE,
)
# One of these stands in each of the verbs, and asking for it costs a hundredth of the pattern.
VERB_STEMS = tuple(
    "wrote writes written said schrieb schreibt пиш писа сообщил ответил écri ecrit escri scritto "
    "scrive schreef escreveu napisa skrev kirjoitti yazd írta napsal".split()
)
VERB_REACH = 200  # characters: a verb, the name behind it and the line's end fit into them
# Words of the author's own: "On Monday I wrote to you:", "Am Montag schrieb ich:".
FIRST_PERSON = re.compile(
    r"\b(?:(?-i:I)|we)\s{1,3}(?:(?:have|had|already|also|just|last)\s{1,3}){0,3}"
    r"(?:wrote|write|written|said)\b|"
    r"\b(?:schrieb(?:en)?|schreiben?|sagten?)\s{1,3}(?:ich|wir)\b|"
    r"\b(?:ich|wir)\b[^<>@:]{0,80}\b(?:geschrieben|schrieb(?:en)?)\b|"
    r"\b(?:я|мы)\s[^<>@:]{0,80}\b(?:на)?(?:пис|пиш|сообщ|ответ)|"
    r"\b(?:на)?(?:писала?|писали|пишем|сообщила?|ответила?)\s{1,3}(?:я|мы)\b|"
    r"\b(?:j['’]ai|(?:je|(?<!vous )nous)(?: (?:vous|lui|leur))?(?: avons)?) écri|"
    r"\b(?:he|hemos) escrito\b|\bescrib(?:í|imos)\b",
    re.IGNORECASE,
)
# A sentence behind the verb, where an attribution has a name: "schrieb Frau Berg, dass ...:".
TOLD = re.compile(
    rf"(?<!\w)(?i:{_VERBS})\b[^\n]{{0,200}}?(?:,\s|\s(?:that|dass|что|que)\s)[^\W\dA-ZА-ЯЁÄÖÜ_]"
)
ATTRIBUTION_START = re.compile(
    r"^[\s>*]{0,9}(?:on|am|le|el|в|il|op|em|dnia|den|w dniu)\s{1,3}\S", re.IGNORECASE
)
ENDS_WITH_ADDRESS = re.compile(
    r"(?:<[^<>\s]{1,200}@[^<>\s]{1,200}>|\[(?:mailto:)?[^\[\]\s]{1,200}@[^\[\]\s]{1,200}\]|"
    r"[\w.+-]{1,64}@[\w.-]{1,200})[)\]\s*>\"']{0,4}\s{0,3}:[\s*]{0,3}$"
)
ADDRESS = re.compile(r"[\w.+=%-]{1,64}@[\w-]{1,63}\.[\w.-]{1,190}")
_DAY = (
    r"\b\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})\b|\b\d{4}[-./]\d{1,2}[-./]\d{1,2}\b|"
    r"\b\d{1,2}\.?\s{1,2}(?:de\s)?[a-zа-яäéûô]{3,10}\.?,?\s{1,2}(?:de\s)?\d{4}\b|"
    r"\b[a-zа-я]{3,10}\.?\s{1,2}\d{1,2}(?:st|nd|rd|th)?,?\s{1,2}\d{4}\b"
)
_TIME = r"\b\d{1,2}:\d{2}\b"
DATE = re.compile(rf"{_DAY}|{_TIME}", re.IGNORECASE)
DAY = re.compile(_DAY, re.IGNORECASE)
TIME = re.compile(rf"{_TIME}|\b\d{{1,2}}(?:h\d{{2}}\b|\.\d{{2}} uhr\b)", re.IGNORECASE)
# "2014-06-26 14:14 GMT+04:00 X <x@y>:", `26.06.2014, 14:41, "X" <x@y>:`, "чт, 26 июн. 2014 г. в ",
# "14:41, 26 июня 2014 г., X <x@y>:".
DATE_FIRST = re.compile(
    r"^[\s>*]{0,9}(?:[a-zа-яё]{2,11}\.?,?\s{1,3}|\d{1,2}:\d{2},\s{1,3})?(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|"
    r"\d{4}-\d\d-\d\d|\d{1,2}\.?\s[a-zа-яё]{3,10}\.?,?\s\d{4})",
    re.IGNORECASE,
)

# The Bat puts initials before each mark: "АБ> Сколько?".
INITIALS = re.compile(r"^\s{0,2}[A-ZА-ЯЁ][A-Za-zА-Яа-яЁё]{0,3}>{1,5}(?:\s|$)")

# Labels of the header block that Outlook and others put above a quoted message.
_LABELS = {
    "from": "from|от|отправитель|от кого|von|absender|de|expéditeur|remitente|desde|da|van|od|"
    "från|fra",
    "sent": "sent|date|sent on|отправлено|дата|отправлен|послано|gesendet|gesendet am|datum|envoyé|"
    "envoyé le|date d'envoi|fecha|enviado|enviado el|enviado em|data|inviato|verzonden|wysłano|"
    "skickat|sendt|received|дата и время",
    "to": "to|кому|получатель|an|empfänger|à|destinataire|para|destinatario|a|aan|do|till|til|pour",
    "cc": "cc|копия|kopie|copie|copia|kopia|скрытая копия|bcc|ск|dw",
    "subject": "subject|тема|betreff|objet|sujet|asunto|oggetto|onderwerp|assunto|temat|ämne|"
    "emne|re",
    "reply": "reply-to|reply to|ответить|antwort an|antwort an|répondre à|responder a",
    "extra": "attachments|вложения|anlagen|anhänge|pièces jointes|adjuntos|importance|важность|"
    "priorität|wichtigkeit|priority|resent-from|organization|x-mailer|message-id|mailed-by|"
    "return-path|delivered-to|user-agent|mime-version|content-type|received|posted at|newsgroups",
}
_LABEL_OF = {word: kind for kind, words in _LABELS.items() for word in words.split("|")}
_HEADER = re.compile(
    r"^[\s>|*_]{0,9}([a-zа-яёà-ÿß][a-zа-яёà-ÿß' -]{0,20})\*?\s?:[*\s]", re.IGNORECASE
)

SIGNATURE_MARK = re.compile(r"^\s{0,3}(?:--|—|–|-- |__|\*{2,3}|-{2}\xa0)\s{0,3}$")
SIGNATURE_RULE = re.compile(r"^\s{0,3}(?:_{4,80}|-{4,80}|={4,80}|\*{4,80})\s{0,3}$")
MOBILE = re.compile(
    r"^\s{0,3}[*_<(]{0,2}(?:"
    r"sent (?:from|via|with|using) (?:my |the |a )?[\w.'’-]{1,20}(?: [\w.'’+-]{1,20}){0,6}|"
    r"get outlook for \w+|"
    r"отправлено (?:из|с|со|через|от) (?:мо[её]го |моей )?[\w.'’-]{1,20}(?: [\w.'’+-]{1,20}){0,6}|"
    r"(?:diese nachricht wurde )?(?:gesendet (?:von|mit|über)|von meinem|von meiner) .{2,60}|"
    r"envoyé (?:de(?:puis)?|à partir|avec|par) .{2,60}|"
    r"enviado (?:desde|con|por|mediante) .{2,60}|obtener outlook para .{2,20}|"
    r"télécharger outlook pour .{2,20}|"
    r"inviato da .{2,40}|verstuurd vanaf .{2,40}"
    r")[*_>).]{0,3}\s{0,3}(?:<https?://\S{1,300}>)?\s{0,3}$",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"^\s{0,3}(?:"
    r"с (?:глубоким |искренним |большим )?уважением|с наилучшими пожеланиями|"
    r"(?:with )?(?:my )?(?:best|kind|kindest|warm|warmest|many)? ?regards|best wishes|"
    r"(?:yours )?(?:sincerely|faithfully|truly)(?: yours)?|"
    r"(?:mit )?(?:den )?(?:freundlichen?|besten?|herzlichen?|vielen?|schönen?|lieben?)(?:n)? "
    r"gr(?:ü|ue)(?:ß|ss)en?|hochachtungsvoll|mfg|"
    r"(?:bien )?cordialement|(?:meilleures|sincères|cordiales) salutations|bien à vous|"
    r"(?:un )?(?:cordial|atento)? ?saludos?(?: cordial(?:es)?)?|atentamente|cordialmente"
    r")(?:[,.!;\s-].{0,60})?$",
    re.IGNORECASE,
)
# What an author adds below his signature. Without dots or a colon it may be a name ("PS GmbH").
POSTSCRIPT = re.compile(
    r"^\s{0,3}[*_(]{0,2}(?:"
    r"(?:p\.[ -]{0,2})?p\.[ -]{0,2}s\b|p?ps(?:\s?[:.,;!)–—-]|\s{0,3}$|\s(?=(?-i:[a-zäöüа-яё])))|"
    r"п\.\s?с\b|пс\s?[:.,–—-]|з\.\s?ы\b|зы(?:\s?[:.,–—-]|\s)|p\.\s?d\b|pd\s?:|n\.\s?b\b|nb\s?:|"
    r"(?:post-?script(?:um)?|addendum|addition|correction|update|upd|edit|"
    r"постскриптум|дополнение|поправка|исправление|"
    r"nachtrag|ergänzung|korrektur|rectification|complément|pos(?:t)?data|corrección)\s?[:.–—-]"
    r")",
    re.IGNORECASE,
)
# Any of the four that open a signature, tried first because it fails fast.
MAY_SIGN = re.compile(
    "|".join(
        f"(?:{pattern.pattern})" for pattern in (SIGNATURE_MARK, SIGNATURE_RULE, MOBILE, CLOSING)
    ),
    re.IGNORECASE,
)
# Below a ruled line: what a list or a lawyer adds, not the author.
FOOTER = re.compile(
    r"mailing list|listinfo|unsubscribe|confidential|privileged|intended (?:only |solely )?for|"
    r"do you yahoo|virus|msn explorer|"
    r"vertraulich|конфиденциальн|отписаться|confidentiel|confidencial",
    re.IGNORECASE,
)
# How a subject begins that a program wrote for an answer or a forward, behind a gateway's tag
# ("[EXTERN] AW: ..."). The first such word counts: "Re: Fwd: x" answers, "Fwd: Re: x" forwards.
_TAGS = r"^\s{0,5}(?:\[[^\[\]]{1,40}\]\s{0,3}|ext(?:ern(?:al)?)?:\s{0,3}){0,3}"
_COUNT = r"(?:\s?(?:\[\d{1,3}\]|\(\d{1,3}\)|\^?\d{1,3}))?\s{0,2}[:：]"
ANSWERS = re.compile(
    rf"{_TAGS}(?:re|aw|antw|antwort|sv|vs|odp|rif|res|r|ha|ответ|отв){_COUNT}", re.IGNORECASE
)
FORWARDS = re.compile(
    rf"{_TAGS}(?:fwd?|wg|tr|rv|enc|vl|vb|vid|pd|i|пересл|переслано|пер){_COUNT}", re.IGNORECASE
)
# What people write above a forward that says nothing by itself.
TRIVIAL = re.compile(
    r"^(?:fyi|for your information|fw|fwd|see below|please see below|see attached|as discussed|"
    r"forwarding|pls see below|below|"
    r"(?:см|смотрите|смотри)\.? (?:ниже|вложение|во вложении)|к сведению|для информации|"
    r"пересылаю|перенаправляю|переслано|ниже|для сведения|посмотрите(?:,? пожалуйста)?|"
    r"zur (?:info|information|kenntnis(?:nahme)?)|z\.?\s?k\.?|z\.?\s?i\.?|siehe unten|"
    r"s\.?\s?u\.?|weiterleitung|"
    r"pour (?:info|information)|voir ci-dessous|ci-dessous|à toutes fins utiles|"
    r"para (?:tu|su|vuestra) información|ver abajo|reenvío|véase abajo"
    r")[\s.,:;!)]{0,5}$",
    re.IGNORECASE,
)


def header_kind(line: str) -> str:
    """Which header label a line starts with: from, sent, to, cc, subject, reply, extra or none."""
    found = _HEADER.match(line[:80] + " ")
    return _LABEL_OF.get(found[1].strip().lower(), "") if found else ""
