"""What machines say in subjects and texts, for automatic.py.

Patterns only. Those named *_SUBJECT are matched at the subject's start; none is enough by itself
where people use the same words. Bounded repeats only.
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
    r"user unknown|unknown user|no such user|mailbox (?:is full|unavailable)|over quota|"
    r"action: failed|final-recipient:|diagnostic-code:|transcript of session follows|"
    r"permanent fatal errors|recipient (?:address )?rejected|host unknown|relaying denied",
    re.IGNORECASE,
)
DAEMON_NAME = re.compile(
    r"^\W{0,3}(?:mail(?:er)?[- ]?(?:delivery )?(?:daemon|subsystem|system)|"
    r"mail delivery (?:sub)?system|"
    r"(?:internet )?mail delivery|postmaster|system administrator|microsoft (?:exchange|outlook)|"
    r"system[- ]administrator|mail administrator|delivery (?:failure|status)|"
    r"системный администратор|network mail admin)\b",
    re.IGNORECASE,
)
AUTO_SUBJECT = re.compile(
    r"^\W{0,6}(?:(?:re|aw|fwd?|sv|antw|отв)\s?:\s{0,3})?(?:"
    r"auto(?:matic(?:ally generated)?)?[- ]?(?:repl(?:y|ied)|response|respond(?:er)?|answer|"
    r"generated)\b|"
    r"auto:|autoreply|autoresponse|automated (?:reply|response|message)|"
    r"out[- ]of[- ](?:the[- ])?office|ooo\b|out of office|away from (?:my|the) (?:mail|office|"
    r"desk)|"
    r"i am (?:currently )?(?:out of|away from) (?:the )?office|on (?:vacation|holiday|leave)\b|"
    r"vacation (?:reply|response|message)|holiday reply|"
    r"автоматический ответ|автоответ(?:чик)?|автоматическое уведомление|авто-ответ|"
    r"вне офиса|нет на месте|в отпуске|"
    r"automatische (?:antwort|rückmeldung|nachricht)|abwesenheits(?:notiz|nachricht|meldung|"
    r"benachrichtigung|assistent)|"
    r"abwesend\b|autom\. antwort|"
    r"réponse automatique|absence du bureau|absent du bureau|message d'absence|en congés?\b|"
    r"respuesta autom[áa]tica|fuera de la oficina|ausente de la oficina|ausencia\b|"
    r"risposta automatica|fuori sede|automatisch antwoord|afwezig|resposta autom[áa]tica|"
    r"autom[áa]tica|odpowiedź automatyczna|autosvar|frånvaro|automaattinen vastaus|"
    r"自動応答|自动回复|自動回覆)",
    re.IGNORECASE,
)
MAYBE_ABSENT_SUBJECT = re.compile(
    r"vacation|holiday|absence|absent|away|out of|отпуск|отсутств|abwesen|urlaub|congé|vacances|"
    r"vacaciones|ausen|nieobecn|urlop|dovolen|poissa|semester",
    re.IGNORECASE,
)
ABSENCE_TEXT = re.compile(
    r"\bi(?: am|'m| will be) (?:currently |now )?(?:out of|away|on (?:vacation|holiday|leave)|"
    r"not in)|"
    r"will (?:be back|return) (?:on|in|to)|(?:я )?(?:нахожусь|буду|сейчас) в отпуске|отсутствую|"
    r"bin (?:derzeit |zur zeit |momentan )?(?:nicht|im urlaub|abwesend|außer)|"
    r"je suis (?:actuellement )?(?:absente?|en congé)|"
    r"estoy (?:actualmente )?(?:ausente|fuera|de vacaciones)|jestem na urlopie|"
    r"will not return until",
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
CHALLENGE = Phrase(
    (
        "verify",
        "confirm",
        "prove",
        "authenticate",
        "challenge",
        "held",
        "on hold",
        "awaits",
        "waiting",
        "quarantine",
        "yourself",
        "verification",
        "подтвердите",
        "bestätigen sie",
        "confirmez",
        "confirme",
    ),
    re.compile(
        r"(?:verify|confirm|prove) (?:that )?you(?:'re| are) (?:not )?a (?:real|live|human|"
        r"person|robot|spam)|"
        r"(?:please |must )?(?:confirm|verify|authenticate) (?:that )?(?:you(?:r)?|yourself)"
        r" (?:are|sent|is|message|address|identity|e-?mail|as)[^\n]{0,120}(?:sender|human|"
        r"person|deliver|"
        r"spam|message)|challenge[- ]response|"
        r"(?:your|the) (?:message|e-?mail)[^\n]{0,80}(?:is being held|has been held|is on hold|"
        r"awaits|is waiting|quarantine)[^\n]{0,200}|"
        r"(?:add|put) (?:you|yourself) to (?:my|the|their) (?:white|allow|approved|guest)[- ]?list|"
        r"one[- ]time (?:verification|confirmation|authentication)|"
        r"подтвердите,? что вы (?:не робот|человек|отправитель)|"
        r"bestätigen sie,? dass sie (?:kein|ein mensch)|"
        r"confirmez que vous (?:êtes|n'êtes)|confirme que (?:es|usted es) (?:una persona|humano)",
        re.IGNORECASE,
    ),
)
FEEDBACK = Phrase(
    "complaint|abuse|spam|dmarc|feedback|authentication failure".split("|"),
    re.compile(
        r"^\W{0,3}(?:complaint about message from|abuse report|spam (?:complaint|report)|"
        r"\[?dmarc (?:failure|forensic) report)|"
        r"this is an? (?:e-?mail |spam |authentication failure )?(?:abuse|spam|complaint|"
        r"authentication failure|"
        r"dmarc)[^\n]{0,20} ?report|email feedback report|this is a spamcop report|"
        r"this is an authentication failure report",
        re.IGNORECASE | re.MULTILINE,
    ),
)
