"""SPF: may this client send for the MAIL FROM or HELO domain?

In: the client's address, an identity, a resolver. Out: an `SpfResult`. pyspf evaluates
(spf_query.py mends it); its DNS is replaced: an evaluation that needs records we do not have stops
and names them, they are fetched together in the event loop, and it runs again. So no thread ever
waits for DNS, and the same records give the same result. Standard: RFC 7208.

Limits: no explanation text (6.2) is fetched or shown.
"""

from spf import PermError  # type: ignore[import-untyped]

from postroom.reading.names import ascii_name
from postroom.verdict import Result, SpfResult

from .resolver import Resolver, look_up_all
from .spf_query import Known, Needed, Records, SpfQuery

_MOST_RUNS = 60  # of one evaluation; RFC 7208's limits end any honest one far earlier

# What pyspf says -> our token. Its texts may carry pieces of the record; ours never do.
_REASONS = (
    ("Void lookup limit", "void-lookup-limit"),
    ("Too many DNS lookups", "lookup-limit"),
    ("More than", "lookup-limit"),
    ("Two or more", "several-records"),
    ("No valid SPF record for included domain", "include-without-record"),
    ("redirect domain has no SPF record", "redirect-without-record"),
)


async def check_mail_from(resolver: Resolver, *, client: str, sender: str, helo: str) -> SpfResult:
    """SPF for the domain of a non-null MAIL FROM (RFC 7208 2.4)."""
    local, _, domain = sender.rpartition("@")
    # RFC 7208 4.3: without a local part "postmaster" stands in.
    return await _check(resolver, client, local or "postmaster", domain, helo, "mfrom")


async def check_helo(resolver: Resolver, *, client: str, helo: str) -> SpfResult:
    """SPF for the HELO name (RFC 7208 2.3), which stands in for a null MAIL FROM."""
    return await _check(resolver, client, "postmaster", helo, helo, "helo")


async def _check(
    resolver: Resolver, client: str, local: str, domain: str, helo: str, scope: str
) -> SpfResult:
    name = ascii_name(domain)
    if "." not in name or not client:
        # RFC 7208 4.3: a literal, a malformed or a single-label name is no identity.
        return SpfResult(domain=name, scope=scope, reason="no-domain" if client else "no-client")
    known: Known = {}
    records = Records(resolver, known)
    for _ in range(_MOST_RUNS):
        try:
            token, reason = _evaluate(client, local, name, helo, records)
        except Needed as needed:
            answers = await look_up_all(resolver, needed.questions)
            known.update(zip(needed.questions, answers, strict=True))
        else:
            return SpfResult(result=Result(token), domain=name, scope=scope, reason=reason)
    return SpfResult(result=Result.PERMERROR, domain=name, scope=scope, reason="lookup-limit")


def _evaluate(client: str, local: str, domain: str, helo: str, records: Records) -> tuple[str, str]:
    """One run: the result and our reason for an error; raises Needed for missing records."""
    try:
        query = SpfQuery(client, local, domain, helo, records)
    except PermError:
        return "none", "no-client"
    try:
        token, _, _ = query.check()
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
        # A record that pyspf cannot digest: a syntax error, RFC 7208 4.6.
        return "permerror", "syntax"
    if token == "temperror":
        return token, query.trouble
    if token == "permerror":
        said = str(query.prob)
        return token, next((ours for theirs, ours in _REASONS if theirs in said), "syntax")
    return token, ""
