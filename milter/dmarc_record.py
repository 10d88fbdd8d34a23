"""DMARC records: what a domain owner published at _dmarc.

In: the text of a TXT record. Out: a `DmarcRecord`, or None. Standards: RFC 9989 4.7 and 4.8;
RFC 7489 6.3 where it differs (a missing p=, pct=).

Once v=DMARC1 stands first, what cannot be read is left out and the rest applies (RFC 9989 4.8): a
bare word, and a tag that is there already. The record is then `flawed`.
"""

import re
from dataclasses import dataclass

from postroom.verdict import DmarcPolicy

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)", re.ASCII)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s,!;]+(?:![0-9]+[kmgt]?)?", re.ASCII | re.IGNORECASE)
# What copying from a page leaves, in UTF-8: no-break space, zero width space, byte order mark.
_PASTED = re.compile("\xc2\xa0|\xe2\x80\x8b|\xef\xbb\xbf")


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcRecord:
    """One record."""

    policy: DmarcPolicy | None  # p=; None: no processing, RFC 9989 4.10.1
    subdomain_policy: DmarcPolicy | None = None  # sp=
    nonexistent_policy: DmarcPolicy | None = None  # np=
    strict_spf: bool = False  # aspf=s
    strict_dkim: bool = False  # adkim=s
    testing: bool = False  # t=y
    psd: str = "u"  # "y", "n" or "u"
    percentage: int = 100  # pct=, known to RFC 7489 only
    report_uris: tuple[str, ...] = ()  # rua=, the well-formed ones
    flawed: bool = False  # something in it could not be read and was left out
    text: str = ""  # as published

    def policy_for(self, *, own: bool, exists: bool) -> DmarcPolicy | None:
        """The policy for the record's own domain, or for a subdomain that may not exist."""
        if own or self.policy is None:
            return self.policy
        if not exists and self.nonexistent_policy is not None:
            return self.nonexistent_policy
        return self.subdomain_policy or self.policy


def read_record(text: str, *, rfc7489: bool = False) -> DmarcRecord | None:
    """The record in a TXT record's text, one character per octet; None when it is not DMARC.

    RFC 9989 4.7, 4.8, 4.10.1; RFC 7489 6.3, 6.6.3.
    """
    if not _VERSION.match(text) and not _VERSION.match("v" + text[1:] if text[:1] == "V" else ""):
        return None
    tags, flawed = _tags(text)
    uris = tuple(
        uri for part in tags.get("rua", "").split(",") if _URI.fullmatch(uri := part.strip())
    )
    # Each RFC knows tags the other does not, and unknown tags are ignored (RFC 9989 4.7).
    for name in ("np", "psd", "t") if rfc7489 else ("pct",):
        tags.pop(name, None)
    policies = {name: _policy(tags[name]) for name in ("p", "sp", "np") if name in tags}
    policy = policies.get("p")
    if "p" not in tags and not rfc7489:
        policy = DmarcPolicy.NONE  # RFC 9989 4.7, p=
    if None in policies.values() or policy is None:
        # RFC 9989 4.10.1, RFC 7489 6.6.3: with somewhere to report to, as if p=none alone.
        policies, policy = {}, DmarcPolicy.NONE if uris else None
    return DmarcRecord(
        policy=policy,
        subdomain_policy=policies.get("sp"),
        nonexistent_policy=policies.get("np"),
        strict_spf=tags.get("aspf", "").lower() == "s",
        strict_dkim=tags.get("adkim", "").lower() == "s",
        testing=tags.get("t", "").lower() == "y",
        psd=_psd(tags.get("psd", "")),
        percentage=_percentage(tags.get("pct", "")),
        report_uris=uris,
        flawed=flawed,
        text=text,
    )


def _tags(text: str) -> tuple[dict[str, str], bool]:
    """The tags by name, and whether something else stands between them (RFC 9989 4.8)."""
    tags: dict[str, str] = {}
    flawed = False
    for spec in _PASTED.sub(" ", text).split(";"):
        name, equals, value = (part.strip() for part in spec.partition("="))
        if equals and name.lower() not in tags:
            tags[name.lower()] = value
        elif name:
            flawed = True
    return tags, flawed


def _policy(value: str) -> DmarcPolicy | None:
    try:
        return DmarcPolicy(value.lower())
    except ValueError:
        return None


def _psd(value: str) -> str:
    return value.lower() if value.lower() in ("y", "n") else "u"


def _percentage(value: str) -> int:
    return int(value) if re.fullmatch(r"[0-9]{1,2}", value, re.ASCII) else 100
