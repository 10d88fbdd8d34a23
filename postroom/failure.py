"""What can go wrong, in two kinds, and what SMTP peers are told of it.

`TemporaryFailure` asks to try again, `PermanentFailure` says it is no use. Both carry a short
machine token (`reason`, such as "dns-timeout") for logs and metrics and the cause for the
traceback. What a peer reads is computed from (kind, reason) here and nowhere else; an
exception's own text never leaves the process. Codes: RFC 5321 4.2, RFC 3463, RFC 7372.
"""

from dataclasses import dataclass


class Failure(Exception):
    """Either kind of failure; raise one of the two subclasses."""

    def __init__(
        self, reason: str, cause: BaseException | None = None, *, detail: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause
        self.detail = detail  # for the operator's eyes; stored with an action, never logged


class TemporaryFailure(Failure):
    """Trying again later may help."""


class PermanentFailure(Failure):
    """Trying again cannot help."""


def token_of(reason: str) -> str:
    """What a stored reason begins with, without what it says of the case after ": "."""
    return reason.partition(": ")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One SMTP or LMTP reply line."""

    code: int  # 250, 451, 550 ...
    enhanced: str  # RFC 3463, "4.3.0"; its class always agrees with code
    text: str  # one line, ASCII, nothing of an exception in it

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"


# (reason) -> code, subject.detail of the enhanced code, public text.
_TEMPORARY: dict[str, tuple[int, str, str]] = {
    "storage-full": (452, "3.1", "Insufficient system storage, try again later"),
    "shutting-down": (421, "3.2", "Service is restarting, try again later"),
    "deadline": (451, "4.7", "Could not finish in time, try again later"),
    "authentication-temperror": (451, "7.24", "Sender check hit a DNS problem, try again later"),
}
_PERMANENT: dict[str, tuple[int, str, str]] = {
    "too-large": (552, "3.4", "Message is larger than this server takes"),
    "unknown-recipient": (550, "1.1", "No such mailbox here"),
    "bad-syntax": (501, "5.4", "Syntax error in command"),
    "forged-headers": (550, "7.1", "Too many header fields that only this server may write"),
    "spam": (550, "7.1", "Message refused as spam"),
}
# Why sender authentication refuses or defers a message (RFC 7372 3) -> subject.detail, text.
_UNAUTHENTICATED: dict[str, tuple[str, str]] = {
    "dmarc-reject": (
        "7.26",
        "Unauthenticated mail is not accepted under the author's DMARC policy",
    ),
    "dmarc-quarantine": ("7.26", "Message is not authenticated as its author's domain asks"),
    "dmarc-none": ("7.26", "Message is not authenticated by its author's domain"),
    "dmarc-fail": ("7.26", "Message is not authenticated by its author's domain"),
    "unauthenticated": ("7.26", "Message is not authenticated by its author's domain"),
    "spf-fail": ("7.23", "Client is not allowed to send mail for the sender's domain"),
    "spf-softfail": ("7.23", "Client is not known to send mail for the sender's domain"),
    "dkim-fail": ("7.20", "No DKIM signature of this message verifies"),
    "author": ("7.1", "From must name exactly one author"),
}
_TEMPORARY |= {reason: (451, *said) for reason, said in _UNAUTHENTICATED.items()}
_PERMANENT |= {reason: (550, *said) for reason, said in _UNAUTHENTICATED.items()}
_UNKNOWN_TEMPORARY = (451, "3.0", "Local problem, try again later")


def reply_for(failure: BaseException) -> Reply:
    """The reply a peer gets for a failure; anything we don't know is 451 4.3.0."""
    match failure:
        case PermanentFailure(reason=reason) if reason in _PERMANENT:
            code, detail, text = _PERMANENT[reason]
            return Reply(code=code, enhanced=f"5.{detail}", text=text)
        case TemporaryFailure(reason=reason):
            code, detail, text = _TEMPORARY.get(reason, _UNKNOWN_TEMPORARY)
            return Reply(code=code, enhanced=f"4.{detail}", text=text)
        case _:
            code, detail, text = _UNKNOWN_TEMPORARY
            return Reply(code=code, enhanced=f"4.{detail}", text=text)
