"""Who sent it: the facts that SPF, DKIM, ARC and DMARC gave, in RFC 8601's words.

Made by milter/authenticate.py, carried by the signed stamp to LMTP, stored with the message.
A verdict holds facts only; what SMTP is told (`Disposition`) is milter/policy.py's answer and
what is done about the message is classify/decide.py's.
Standards: RFC 8601 2.7 (result tokens), RFC 9989 (DMARC).
"""

from dataclasses import dataclass
from enum import Enum


class Result(Enum):
    """A method's result token, RFC 8601 2.7."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class DmarcPolicy(Enum):
    """What a domain's DMARC record asks for, RFC 9989 4.7 (p=, sp=, np=)."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Disposition(Enum):
    """What SMTP is told about a message."""

    ACCEPT = "accept"
    REJECT = "reject"
    DEFER = "defer"
    QUARANTINE = "quarantine"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfResult:
    """One SPF check (RFC 7208)."""

    result: Result = Result.NONE
    domain: str = ""  # the domain whose record was evaluated
    scope: str = "mfrom"  # "mfrom" or "helo"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimResult:
    """One DKIM signature (RFC 6376)."""

    result: Result = Result.NONE
    domain: str = ""  # d=
    selector: str = ""  # s=
    reason: str = ""  # empty for a pass
    algorithm: str = ""  # a=, such as "rsa-sha256"
    identity: str = ""  # i=, or empty
    mark: str = ""  # first eight characters of b=, which tell signatures apart (RFC 6008)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcResult:
    """The ARC chain (RFC 8617), recorded, believed only for configured sealers."""

    result: Result = Result.NONE
    sealers: tuple[str, ...] = ()  # d= of each ARC-Seal, newest first
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcResult:
    """DMARC for the author's domain (RFC 9989)."""

    result: Result = Result.NONE
    domain: str = ""  # the author's domain, A-label, lower case
    org_domain: str = ""  # organizational domain
    policy: DmarcPolicy | None = None  # as selected from p/sp/np; None without a record
    disposition: DmarcPolicy = DmarcPolicy.NONE  # after t=; NONE unless the result is fail
    # Identifiers that passed and align, such as "spf:example.com", "dkim:example.com".
    # Filled also where the domain publishes no record.
    aligned: tuple[str, ...] = ()
    in_doubt: bool = False  # nothing is in `aligned`, but an identifier in temperror would align
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All results for one message."""

    author: str = ""  # address of the one From mailbox; empty when missing, several or malformed
    spf: SpfResult = SpfResult()  # of MAIL FROM, or of HELO where MAIL FROM is null
    spf_helo: SpfResult = SpfResult(scope="helo")
    dkim: tuple[DkimResult, ...] = ()
    arc: ArcResult = ArcResult()
    dmarc: DmarcResult = DmarcResult()
    local: bool = False  # submitted by a trusted client or a SASL login: not checked

    @property
    def authenticated_domain(self) -> str:
        """The author's domain when it is proven, else empty.

        Proven means DMARC pass, or, where the domain publishes no DMARC record, an SPF or DKIM
        pass aligned with it (contract 1.7).
        """
        if self.dmarc.result is Result.PASS:
            return self.dmarc.domain
        if self.dmarc.result is Result.NONE and self.dmarc.aligned:
            return self.dmarc.domain
        return ""
