"""What machines say in subjects and texts, for automatic.py.

Patterns only. Those named *_SUBJECT are matched at the subject's start unless they say otherwise;
none is enough by itself where people use the same words. Bounded repeats only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern for running text, and words of which it needs one: `in` costs a hundredth of it."""

    needs: Sequence[str]
    pattern: re.Pattern[str]

    def search(self, lowered: str) -> re.Match[str] | None:
        """The pattern's first match in lower-case text."""
        if any(word in lowered for word in self.needs):
            return self.pattern.search(lowered)
        return None


BOUNCE_SUBJECT = re.compile(
    r"^\W{0,6}(?:\*{0,3}(?:warning|notice|error|spam\??|failed|info)\W{0,4}){0,2}(?:"
    r"undeliver(?:able|ed)|returned? (?:mail|to sender|message|e-?mail)|"
    r"(?:mail|message|e-?mail)?\s?delivery (?:fail(?:ed|ure)|status|problem|report|notification|"
    r"error|has failed|delayed|was delayed|attempt|subsystem|service|incomplete|warning)|"
    r"(?:mail|message) (?:delivery|system|status|undeliverable|returned|could not|not delivered|"
    r"rejected|bounced|failure|error|blocked|refused)|"
    r"failure notice|failed (?:mail|delivery|message)|non[- ]?deliver(?:y|able)|delayed mail|"
    r"mail (?:failure|error|could not)|permanent (?:delivery )?failure|email (?:could|not|rejected|"
    r"delivery)|unable to deliver|cannot (?:be delivered|deliver)|could not (?:be delivered|send)|"
    r"not delivered|nicht zustellbar|unzustellbar|unzustellbarkeit|zustellung fehlgeschlagen|"
    r"zustellungsfehler|rückläufer|mail konnte nicht|"
    r"не\s?(?:удалось|удается|удаётся) доставить|недоставлен|сообщение не доставлено|"
    r"ошибка доставки|письмо не доставлено|возвращ[её]н|уведомление о (?:не)?доставке|"
    r"non remis|échec de (?:la )?(?:remise|livraison)|message non distribu|retour de courrier|"
    r"no se (?:puede|pudo) entregar|correo (?:no entregado|devuelto)|fallo (?:en la|de) entrega|"
    r"mensaje no entregado|niezwłoczne|zwrot|エラー|mail system error|"
    r"rejected|your (?:mail|message|e-?mail)(?: to| could| was| has| sent)|"
    r"user unknown|unknown (?:user|recipient)|unrouteable|bounce|"
    r"there was an error|returned: |problem (?:delivering|with)|considered unsolicited|"
    r"(?:delivered|relayed|expanded|read|not read|deleted): |message you sent|delivered failed|"
    r"status:)",
    re.IGNORECASE,
)
BOUNCE_TEXT = re.compile(
    r"\b[45]\d\d[- #]{1,3}[45]?\.?\d{1,3}\.\d{1,3}|\b[45]\.[0-7]\.\d{1,3}\b|"
    r"\bsmtp error|remote host said|user unknown|unknown user|no such user|mailbox (?:is )?(?:full|"
    r"unavailable|not found|unknown|disabled)|could ?n[o']t be delivered|not be delivered|"
    r"cannot be delivered|unable to deliver|was not delivered|delivery (?:failed|failure|"
    r"of the following|to the following|has been delayed|temporarily|permanent)|"
    r"undeliverable|returned (?:to sender|mail|message)|over quota|quota exceeded|"
    r"does ?n[o']t exist|not exist|action: failed|final-recipient|diagnostic-code|"
    r"permanent (?:fatal )?errors?|transcript of session|rejected by|relay(?:ing)? (?:denied|"
    r"not permitted)|\b55\d[ -]\S|host (?:unknown|not found)|recipient (?:unknown|rejected|"
    r"address|not found)|invalid (?:recipient|address|mailbox)|undelivered|not listed in|"
    r"nicht zugestellt|konnte nicht|unzustellbar|empfänger unbekannt|"
    r"не (?:может быть|было|была|удалось|удаётся|удается) достав|почтовый ящик|"
    r"n'a pas pu être|n'existe pas|no (?:se pudo|ha podido)|buzón|"
    r"message (?:was|has been) (?:blocked|rejected|refused)|blocked (?:by|because)|"
    r"配信|送信|宛先|届",
    re.IGNORECASE,
)
# Words only a mail system says; people describe a failed delivery of goods in the words above.
BOUNCE_PROOF = re.compile(
    r"\b[45]\d\d[ -]{1,3}#?[45]\.\d{1,2}\.\d{1,3}\b|\(#[45]\.\d{1,2}\.\d{1,3}\)|remote host said|"
    r"<[\w.-]{1,80} #[45]\.\d{1,2}\.\d{1,3}|did not reach (?:some or all of |one of )?the intended|"
    r"user unknown|unknown user|no such user|mailbox (?:is full|unavailable)|over quota|"
    r"action: failed|final-recipient:|diagnostic-code:|transcript of session follows|"
    r"permanent fatal errors|recipient (?:address )?rejected|host unknown|relaying denied",
    re.IGNORECASE,
)
# Names of programs; an administrator is a person.
DAEMON_NAME = re.compile(
    r"^\W{0,3}(?:mail(?:er)?[- ]?(?:delivery )?(?:daemon|subsystem|system)|"
    r"mail delivery (?:sub)?system|"
    r"(?:internet )?mail delivery|postmaster|microsoft (?:exchange|outlook)|"
    r"delivery (?:failure|status))\b",
    re.IGNORECASE,
)
# Words that nobody but an auto-responder puts there; who answers or forwards one leaves them there.
AUTO_SUBJECT = re.compile(
    r"^\W{0,6}(?P<passed>(?:re|aw|fwd?|wg|sv|antw|отв)\s?:\s{0,3})?(?:"
    r"auto(?:matic|mated)?[- ]?(?:repl(?:y|ied)\b|(?:response|respond(?:er)?|answer)"
    r"(?=\s{0,3}(?:$|[:;,.!–—(\[-]|(?:to|from|for|re)\b)))|"
    # Notes: "AUTO: Anna Berg is out of the office (returning 05/01/2010)"
    r"auto:.{1,120}?\b(?:(?:is|am) (?:out of|away|on (?:vacation|holiday|leave))|out of (?:the )?"
    r"office|ist (?:außer|abwesend|nicht im)|est absente?|está (?:ausente|fuera)|"
    r"(?:отсутствует|в отпуске|вне офиса))\b|"
    r"out[- ]of[- ](?:the[- ])?office(?=\s{0,3}(?:$|[:;,.!–—(\[\]-]|\d|(?:auto\w{0,10}|re(?:ply|"
    r"sponse|turn\w{0,3})?|until|till|from|on|to|message|noti\w{1,9}|alert|assistant|today)\b))|"
    r"away from (?:my|the) (?:mail|office|desk)|"
    r"i am (?:currently )?(?:out of|away from) (?:the )?office|"
    r"vacation (?:reply|response|message)|holiday reply|"
    r"автоматический ответ|авто-?ответ(?!чик)|"
    r"automatische (?:antwort|rückmeldung)|abwesenheits(?:notiz|nachricht|meldung|"
    r"benachrichtigung|assistent)|autom\. antwort|"
    r"réponse automatique|absence du bureau|absente? du bureau|message d'absence|"
    r"respuesta autom[áa]tica|fuera de la oficina|ausente de la oficina|"
    r"risposta automatica|fuori sede|automatisch antwoord|afwezig:|resposta autom[áa]tica|"
    r"odpowiedź automatyczna|autosvar|frånvaro:|automaattinen vastaus|"
    r"自動応答|自动回复|自動回覆)",
    re.IGNORECASE,
)
# Anywhere in the subject, beside ABSENCE_TEXT: people write of holidays and absent goods as well.
MAYBE_ABSENT_SUBJECT = re.compile(
    r"\b(?:vacation|holidays?|absen(?:ce|t)|away|ooo|out of (?:the )?(?:office|town|country)|"
    r"on leave|semester|congés?|vacances|auto:)(?:\b|(?<=:))|отпуск|отсутств|вне офиса|"
    r"нет на месте|"
    r"автоответчик|abwesen|urlaub|vacaciones|\bausen|nieobecn|urlop|dovolen|poissa",
    re.IGNORECASE,
)
# Said by a person of being away; not of goods that are out of stock, missing, or will be back.
ABSENCE_TEXT = re.compile(
    r"\bi(?: am|['’]m| will be) (?:currently |now )?(?:on (?:vacation|holiday|"
    r"(?:\w{1,12} )?leave)\b|"
    r"(?:away|out|(?:out of|away from|not in) (?:the |my )?(?:office|town|country|desk))"
    r"(?=\s{0,3}(?:$|[.,;:!?(\n–—-]|(?:and|as|at|between|currently|due|for|from|in|on|right|this|"
    r"till?|today|until|with|without)\b)))|"
    r"(?:\bi(?: will|['’]ll)|\band will|(?:^|[.!,;\n]\s?)will) (?:be back|return) "  # not "we will"
    r"(?:on\b|to (?:the |my )?(?:office|work|desk)\b|in (?:the |my )?office\b|"
    r"in (?:a|\w{1,6}|\d{1,3}) (?:days?|weeks?)\b)|"
    r"(?:нахожусь|буду|сейчас) в отпуске|\b(?:я|меня) (?:сейчас |временно )?(?:вне офиса|"
    r"нет на месте)|"
    r"\bотсутствую\b|\bбуду отсутствовать\b|"
    r"\bbin (?:(?:ich|derzeit|zur zeit|zurzeit|momentan|bis|vom|am|ab) [^\n]{0,40})?(?:nicht "
    r"(?:im (?:büro|hause?|dienst)|am (?:arbeits)?platz|da\b|erreichbar|anwesend)|im urlaub|"
    r"abwesend\b|"
    r"außer (?:haus|dienst))|"
    r"je suis (?:actuellement )?(?:absente?\b|en congé)|"
    r"estoy (?:actualmente )?(?:ausente|fuera de la oficina|de vacaciones)|jestem na urlopie|"
    r"will not return until",
    re.IGNORECASE,
)
# Of a program that may as well send an order: SYSTEM, not AUTO_REPLY.
GENERATED_SUBJECT = re.compile(
    r"^\W{0,6}(?:auto(?:mated|matic(?:ally)?)?[- ]?generated\b|automated message\b|"
    r"автоматическое уведомление|automatische nachricht)",
    re.IGNORECASE,
)
# Said of the message itself; in its own words, not in what it quotes.
MACHINE_TEXT = Phrase(
    (
        "automat",
        "system",
        "not reply",
        "not respond",
        "автоматически",
        "не отвечайте",
        "antworten sie nicht",
        "répond",
        "courriel",
        "automátic",
        "no responda",
        "nie odpowiadaj",
    ),
    re.compile(
        r"this (?:is an?|message is an?|e-?mail is an?|message was|e-?mail was) "
        r"(?:auto(?:mated|matic(?:ally)?)|system)[- ]?(?:generated|reply|response|message|e-?mail|"
        r"notification|sent)|(?:please )?do not (?:reply|respond) to this (?:message|e-?mail|"
        r"mail|address)|"
        r"(?:это|данное) (?:письмо|сообщение) (?:создано|отправлено|сформировано|"
        r"сгенерировано) автоматически|"
        r"(?:пожалуйста,? )?не отвечайте на (?:это|данное) (?:письмо|сообщение)|"
        r"diese (?:e-?mail|nachricht|mail) (?:wurde|ist) (?:eine )?automatisch|"
        r"(?:bitte )?antworten sie nicht auf diese|"
        r"(?:ceci est un |ce |cet )(?:message|e-?mail|courriel) (?:est |a été )?(?:automatique|"
        r"généré|envoyé) "
        r"?(?:automatiquement)?|(?:merci de )?ne (?:pas répondre|répondez pas) à (?:ce|cet)|"
        r"(?:este|esto) (?:mensaje|correo|es un mensaje) (?:ha sido |fue |es )?(?:generado |"
        r"enviado )?"
        r"autom[áa]tic|no responda a este|"
        r"wiadomość (?:została )?(?:wygenerowana )?automatyczn|nie odpowiadaj na",
        re.IGNORECASE,
    ),
)
LIST_SUBJECT = re.compile(
    r"^\W{0,3}(?:loop alert|not member article|you must be a member|fml status report|"
    r"your (?:post|message) to .{1,120} (?:awaits|was rejected|is waiting|has been held)|"
    r".{1,80} (?:post|posting) from .{1,120} requires approval|"
    r"confirm (?:un)?subscri|(?:un)?subscribe (?:confirmation|request)|"
    r"welcome to the .{1,120} (?:mailing )?list|"
    r"(?:majordomo|listserv|mailman) (?:results|privacy|command))",
    re.IGNORECASE,
)
# Nobody but a challenge asks this.
CHALLENGE = Phrase(
    (
        "verify",
        "confirm",
        "prove",
        "подтвердите",
        "bestätigen sie",
    ),
    re.compile(
        r"(?:verify|confirm|prove) (?:that )?you(?:['’]re| are) (?:(?:not )?an? (?:\w{1,12} ){0,2}"
        r"(?:human|person|robot|bot|spammer)\b|human\b)|"
        r"подтвердите,? что вы (?:не робот|человек|отправитель)|"
        r"bestätigen sie,? dass sie (?:kein |ein )?mensch|bestätigen sie,? dass sie kein "
        r"(?:robot|bot)|"
        r"confirmez que vous (?:n'êtes pas un robot|êtes humain|êtes une? (?:humain|personne))|"
        r"confirme que (?:es|usted es) (?:una persona|humano)",
        re.IGNORECASE,
    ),
)
# Beside CHALLENGE_SUBJECT: people have messages and goods on hold as well.
MAYBE_CHALLENGE = re.compile(
    r"(?:confirm|verify|authenticate) (?:that )?(?:you are the|yourself as (?:the |a )?|you sent "
    r"(?:this|the)|your (?:address|identity|e-?mail|message)[^\n]{0,60}? as (?:the |"
    r"a )?)[^\n]{0,20}"
    r"(?:sender|human|message|e-?mail)|challenge[- ]response (?:system|e-?mail|message|filter)|"
    r"(?:your|the) (?:message|e-?mail)(?: (?:to|for|from) [^\s]{1,120})? (?:is being held|"
    r"has been held|is on hold|awaits|is waiting|(?:is|was|has been) (?:in )?quarantine)|"
    r"(?:add|put) (?:you|yourself) to (?:my|the|their) (?:white|allow|guest)[- ]?list",
    re.IGNORECASE,
)
# Of a message, its sender or a person's being one; matched anywhere in the subject.
CHALLENGE_SUBJECT = re.compile(
    r"\b(?:confirm|verify|authenticate|validate)\b.{0,40}\b(?:e-?mail|message|sender|address|"
    r"identity|"
    r"yourself|human)\b|\b(?:e-?mail|message)\b.{0,60}\b(?:held|on hold|waiting|quarantined?|"
    r"confirm(?:ation)?|verif\w{1,9}|deliver\w{0,3}|blocked)\b|"
    r"\bchallenge\b|\b(?:sender|anti-?spam|human) (?:verif|confirm|check)|\bwhite-?list",
    re.IGNORECASE,
)
FEEDBACK = Phrase(
    "complaint|abuse|spam|dmarc|feedback|authentication failure".split("|"),
    re.compile(
        r"^\W{0,3}(?:complaint about message from \S{0,60}[\d@]|abuse report|spam (?:complaint|"
        r"report)|"
        r"\[?dmarc (?:failure|forensic) report)|"
        r"this is an? (?:e-?mail |spam )?(?:abuse|spam|complaint|authentication failure|dmarc)"
        r"(?: (?:abuse|complaint|feedback|failure|forensic|aggregate))? report|"
        r"email feedback report|this is a spamcop report|"
        r"this is an authentication failure report",
        re.IGNORECASE | re.MULTILINE,
    ),
)
