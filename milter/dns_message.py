"""What dnspython says, in our words: questions, values and how long an answer may be kept.

In: names as text, dnspython's records and responses. Out: dnspython's names, plain text, seconds.
Standards: RFC 1035 3.3, RFC 2308 5.
"""

import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

_LONGEST_TTL = 86_400.0  # seconds
_LONGEST_NEGATIVE_TTL = 3_600.0  # seconds; RFC 2308 5 advises one to three hours


def question_of(name: str) -> dns.name.Name | None:
    """The name label by label: a backslash in a hostile name is a character, never an escape."""
    try:
        labels = [label.encode("ascii") for label in name.split(".")]
        return dns.name.Name([*labels, b""]) if all(labels) else None
    except (UnicodeEncodeError, dns.exception.DNSException):
        return None


def text_of(record: dns.rdata.Rdata) -> str:
    """A record's value as `Answer` keeps it."""
    match record:
        case TXT():
            return b"".join(record.strings).decode("latin-1")
        case MX():
            return f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"
        case PTR():
            return record.target.to_text(omit_final_dot=True)
        case A() | AAAA():
            return str(record.address)
        case _:
            return record.to_text()


def ttl_of_no_name(error: dns.resolver.NXDOMAIN) -> float:
    """Seconds the absence of a name may be remembered."""
    responses: dict[dns.name.Name, dns.message.QueryMessage] = error.kwargs["responses"]
    return max((ttl_of(response, negative=True) for response in responses.values()), default=0.0)


def ttl_of(response: dns.message.Message, *, negative: bool) -> float:
    """Seconds an answer may be kept."""
    if not isinstance(response, dns.message.QueryMessage):
        return 0.0
    try:
        ttl = float(response.resolve_chaining().minimum_ttl)
    except dns.exception.DNSException:  # a chain of aliases without end
        return 0.0
    if not negative:
        return min(ttl, _LONGEST_TTL)
    # RFC 2308 5: as the SOA in the authority section says; without one it is not kept.
    has_soa = any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority)
    return min(ttl, _LONGEST_NEGATIVE_TTL) if has_soa else 0.0
