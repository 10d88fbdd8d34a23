"""Machine or person: which machine wrote a message, and by what we know.

In: the decoded headers, the parts and the new text. Out: `Automatic`, its kind and the one thing
that decided. It gates every reply and every order, so both errors cost: a bounce taken for a
customer starts a loop, a customer taken for a machine waits for a person. What is meant for
machines comes first (report types, RFC 3834 headers), words of subject and text (phrases.py) last
and only where two things agree. What words alone decide stays doubtful: people say "this is a
complaint report" too, and order before their holidays.

Standards: RFC 3834 (auto-replies), RFC 3464 and 6522 (DSN), RFC 8098 (MDN), RFC 5965 (ARF), RFC
7489 and 8460 (reports), RFC 2369 and 2919 (lists), RFC 8058, RFC 5546 (iTIP), RFC 6047 (iMIP).

Limits: the envelope is not seen here; a null sender is known from Return-Path only. Subjects and
phrases are known in English, Russian, German, French, Spanish, and a few more.
"""

from dataclasses import dataclass, replace

from postroom.message import Automatic, AutomaticKind

from . import phrases, signs, words
from .content import Content
from .labels import filename
from .parts import Part
from .problems import Problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known about a message when this question is asked."""

    headers: dict[str, str]  # lower-case name -> first value
    local: str  # of the first From mailbox, or what stands there instead
    name: str  # its display name
    subject: str
    text: str  # the message's text, quoted text included
    own: str  # its new text
    root: Part
    content: Content


def judge(evidence: Evidence) -> Automatic:
    """Which machine wrote the message, if one did; the first rule that finds something decides.

    Its doubt is lifted by a later rule that has none.
    """
    doubtful = Automatic()
    for rule in _RULES:
        found = rule(evidence)
        if found is None:
            continue
        if not doubtful.is_automatic:
            if not found.doubtful:
                return found
            doubtful = found
        elif not found.doubtful and found.kind is not AutomaticKind.SYSTEM:
            return replace(doubtful, why=f"{doubtful.why}, {found.why}", doubtful=False)
    return doubtful


def _found(kind: AutomaticKind, why: str) -> Automatic:
    return Automatic(kind=kind, why=why)


def _doubtful(kind: AutomaticKind, why: str) -> Automatic:
    """By what people write too."""
    return Automatic(kind=kind, why=why, doubtful=True)


def _report(evidence: Evidence) -> Automatic | None:
    """Parts and headers that only reports have."""
    root = evidence.root
    if root.type == "multipart/report":
        kind = signs.REPORT_TYPES.get(root.content_type.get("report-type").lower())
        if kind is not None:
            return _found(kind, f"report-type {root.content_type.get('report-type').lower()}")
    for media_type, kind in signs.MACHINE_PARTS.items():
        if media_type in evidence.content.types:
            return _found(kind, f"part {media_type}")
    if root.type == "multipart/report":
        return _found(AutomaticKind.BOUNCE, "multipart/report")
    if "tls-report-domain" in evidence.headers:
        return _found(AutomaticKind.REPORT, "TLS-Report-Domain")
    if signs.DMARC_SUBJECT.match(evidence.subject):
        return _found(AutomaticKind.REPORT, "subject of a DMARC report")
    for part in evidence.content.documents[:20]:
        if signs.DMARC_FILE.match(filename(part)):
            return _found(AutomaticKind.REPORT, "attachment name of a DMARC report")
    return None


def _feedback(evidence: Evidence) -> Automatic | None:
    """Complaints that are not multipart/report (RFC 5965's forerunners)."""
    if evidence.headers.get("x-hmxmroriginalrecipient") or (
        "x-loop" in evidence.headers and evidence.headers["x-loop"].lower() == "scomp"
    ):
        return _found(AutomaticKind.FEEDBACK, "complaint header")
    if phrases.FEEDBACK.search(f"{evidence.subject}\n{evidence.text[:2_000]}".lower()):
        return _doubtful(AutomaticKind.FEEDBACK, "complaint wording")
    return None


def _bounce(evidence: Evidence) -> Automatic | None:
    headers = evidence.headers
    for name in ("x-failed-recipients", "x-mailer-daemon", "x-amz-bounce", "x-zohomail-bounce"):
        if name in headers:
            return _found(AutomaticKind.BOUNCE, name)
    if headers.get("from", "?").strip() == "<>":
        return _found(AutomaticKind.BOUNCE, "From: <>")
    null_sender = headers.get("return-path", "?").strip() in ("<>", "")
    daemon = signs.DAEMONS.match(evidence.local) is not None
    named = phrases.DAEMON_NAME.match(evidence.name) is not None  # anybody may be called so
    said = phrases.BOUNCE_SUBJECT.match(evidence.subject)
    if daemon and (null_sender or said or phrases.BOUNCE_TEXT.search(evidence.text[:6_000])):
        if signs.POSTMASTER.match(evidence.local) and not null_sender:  # perhaps a person
            return _doubtful(AutomaticKind.BOUNCE, f"from {evidence.local}")
        return _found(AutomaticKind.BOUNCE, f"from {evidence.local}")
    if null_sender and "return-path" in headers and not _answers(evidence):
        return _found(AutomaticKind.BOUNCE, "null sender")
    if signs.MAILER_DAEMON.match(evidence.local):
        return _found(AutomaticKind.BOUNCE, f"from {evidence.local}")
    if (said or named) and not _passed_on(evidence.subject):
        if phrases.BOUNCE_PROOF.search(evidence.own[:6_000]):
            why = f'subject "{said[0][:60]}"' if said else f'from "{evidence.name[:60]}"'
            return _doubtful(AutomaticKind.BOUNCE, why)
    if (daemon or named) and not signs.POSTMASTER.match(evidence.local):  # that one may be a person
        return _found(AutomaticKind.SYSTEM, f"from {evidence.local or 'a mail system'}")
    return None


def _passed_on(subject: str) -> bool:
    """A person answers or forwards, if only a machine's message."""
    return bool(signs.REPLY_PREFIX.match(subject)) or subject.rstrip().lower().endswith("(fwd)")


def _answers(evidence: Evidence) -> bool:
    said = _submitted(evidence).startswith("auto-replied") or _responder(evidence.headers) != ""
    return said or _by_exchange(evidence)


def _submitted(evidence: Evidence) -> str:
    """What Auto-Submitted says, RFC 3834 5, or "": of several fields the first that is no "no"."""
    for one in evidence.root.fields:
        if one.key == b"auto-submitted":
            said = words.decode(one.value)[0].partition(";")[0].strip().lower()
            if said not in ("no", ""):
                return said
    return ""


def _responder(headers: dict[str, str]) -> str:
    for name, wanted in signs.RESPONDERS:
        value = headers.get(name)
        if value is not None and wanted in value.lower() and value.strip().lower() != "no":
            return name
    return ""


def _by_exchange(evidence: Evidence) -> bool:
    """Exchange's mark of inbox rules, with one that asks for no answers.

    Still not sure: programs ask so too, and a person's rule redirects what they send.
    """
    if signs.INBOX_RULE not in evidence.headers:
        return False
    return "x-auto-response-suppress" in evidence.headers or _submitted(evidence) != ""


def _auto_reply(evidence: Evidence) -> Automatic | None:
    absence = _absence(evidence)
    if submitted := _submitted(evidence):
        is_answer = submitted.startswith("auto-replied")
        if calendar := _calendar(evidence):
            return replace(calendar, doubtful=calendar.doubtful and not is_answer)
        if is_answer or absence:
            return _found(AutomaticKind.AUTO_REPLY, f"Auto-Submitted: {submitted[:40]}")
        return _found(AutomaticKind.SYSTEM, f"Auto-Submitted: {submitted[:40]}")
    if name := _responder(evidence.headers):
        return _found(AutomaticKind.AUTO_REPLY, name)
    if absence:
        return _doubtful(AutomaticKind.AUTO_REPLY, absence)
    if _by_exchange(evidence):
        return _doubtful(AutomaticKind.AUTO_REPLY, signs.INBOX_RULE)
    return None


def _absence(evidence: Evidence) -> str:
    """The words by which an auto-responder gives itself away, or "".

    The subject alone, where people do not write so; else subject and text together. People answer
    and forward an out-of-office note, often with what it kept from its way.
    """
    said = phrases.AUTO_SUBJECT.match(evidence.subject)
    passed_on = _passed_on(evidence.subject) or (said is not None and said["passed"] is not None)
    if said and not passed_on:
        return f'subject "{said[0].strip()[:60]}"'
    said = said or phrases.MAYBE_ABSENT_SUBJECT.search(evidence.subject)
    if said and phrases.ABSENCE_TEXT.search(evidence.own[:2_000]):
        if not passed_on or len(evidence.own) < 400:
            return f'subject "{said[0].strip()[:60]}" and text'
    return ""


def _challenge(evidence: Evidence) -> Automatic | None:
    for name in ("x-tmda-fingerprint", "x-boxtrapper", "x-spamarrest", "x-asg-challenge"):
        if name in evidence.headers:
            return _found(AutomaticKind.CHALLENGE, name)
    said = f"{evidence.subject}\n{evidence.own[:3_000]}".lower()
    if phrases.CHALLENGE.search(said) or (
        phrases.CHALLENGE_SUBJECT.search(evidence.subject) and phrases.MAYBE_CHALLENGE.search(said)
    ):
        return _doubtful(AutomaticKind.CHALLENGE, "asks to confirm the sender")
    return None


def _calendar(evidence: Evidence) -> Automatic | None:
    """An invitation; one that a person may have attached is doubtful.

    RFC 6047 2.4: the type of an invitation's part says its method.
    """
    if not evidence.content.types & {"text/calendar", "application/ics"}:
        return None
    attached = None
    for part in evidence.content.leaves:
        if part.type in ("text/calendar", "application/ics"):
            method = part.content_type.get("method").upper()
            is_attachment = part.disposition.value == "attachment"
            is_sure = bool(method) and not is_attachment
            if not method:
                found = signs.CALENDAR_METHOD.search(part.decoded(Problems())[:20_000])
                method = found[1].decode("ascii").upper() if found else ""
            # Published events are data that people attach; the other methods are scheduling.
            if method and (method != "PUBLISH" or not is_attachment):
                if is_sure:
                    return _found(AutomaticKind.CALENDAR, f"METHOD:{method[:20]}")
                attached = attached or _doubtful(AutomaticKind.CALENDAR, f"METHOD:{method[:20]}")
    return attached


def _list_manager(evidence: Evidence) -> Automatic | None:
    if phrases.LIST_SUBJECT.match(evidence.subject):
        return _doubtful(AutomaticKind.LIST, "subject of a list manager")
    return None


def _list(evidence: Evidence) -> Automatic | None:
    headers = evidence.headers
    precedence = headers.get("precedence", "").strip().lower()
    for name in signs.LISTS:
        if name in headers:
            if (
                name in ("list-help", "list-id")
                and "list-post" not in headers
                and any(one in headers for one in signs.BULK)
            ):
                return _found(AutomaticKind.BULK, name)
            return _found(AutomaticKind.LIST, name)
    if precedence == "list":
        return _found(AutomaticKind.LIST, "Precedence: list")
    if precedence in ("bulk", "junk"):
        return _found(AutomaticKind.BULK, f"Precedence: {precedence}")
    for name in signs.BULK:
        if name in headers:
            return _found(AutomaticKind.BULK, name)
    return None


def _system(evidence: Evidence) -> Automatic | None:
    for name in signs.SYSTEMS:
        if name in evidence.headers:
            return _found(AutomaticKind.SYSTEM, name)
    if signs.NO_REPLY.search(evidence.local):
        return _found(AutomaticKind.SYSTEM, f"from {evidence.local[:60]}")
    if signs.SYSTEM_NAMES.match(evidence.local):
        return _found(AutomaticKind.SYSTEM, f"from {evidence.local[:60]}")
    if said := phrases.GENERATED_SUBJECT.match(evidence.subject):
        return _found(AutomaticKind.SYSTEM, f'subject "{said[0].strip()[:60]}"')
    if not _passed_on(evidence.subject) and (
        said := phrases.MACHINE_TEXT.search(evidence.own[:8_000].lower())
    ):
        return _found(AutomaticKind.SYSTEM, f'text "{said[0][:60]}"')
    return None


_RULES = (
    _report,
    _feedback,
    _bounce,
    _auto_reply,
    _list_manager,
    _challenge,
    _calendar,
    _list,
    _system,
)
