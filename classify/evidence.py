"""What others found out about a message before us: the verdict headers of spam filters.

In: a message's header, the address of the client that handed it to us, the networks whose
headers are believed (`classification.spam_filters`). Out: a `SpamVerdict`, and probabilities that
take it into account. Anybody can write `X-Spam-Flag: NO` into a message: only what a trusted
client hands over counts, and of several headers of a name only the first, the one added last.

    X-Spam-Flag, X-Spam-Status                SpamAssassin, and rspamd in its manner
    X-Spam, X-Rspamd-Action, X-Spamd-Result   rspamd

Limits: a filter that leaves what a sender wrote above its own headers is not to be listed. How
much a verdict counts is a fixed factor on the odds, not measured at the site.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroom.envelope import Envelope, plain_address
from postroom.message import Message

_FLAGGED, _CLEARED = 24.0, 1 / 4  # factors on the odds of spam
_YES, _NO = ("yes", "true"), ("no", "false")
_STATUS = re.compile(r"\s*(yes|no)\b", re.I)
_RESULT = re.compile(r"^[^:]{1,60}:\s*(true|false)\b")
_SPAM_ACTIONS = ("reject", "add header", "rewrite subject")
_HAM_ACTIONS = ("no action", "greylist")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpamVerdict:
    """What a trusted filter said."""

    is_spam: bool
    header: str  # that says so
    host: str  # address of the client whose word it is


def spam_verdict(
    message: Message, envelope: Envelope | None, filters: Sequence[str]
) -> SpamVerdict | None:
    """The verdict of a filter that is believed; None without one."""
    client = envelope.client_address if envelope else ""
    if not filters or not _is_in(client, filters):
        return None
    for header, read in _READERS.items():
        said = read(message.header(header).strip()[:500].lower())
        if said is not None:
            return SpamVerdict(is_spam=said, header=header, host=client)
    return None


def weighed(probabilities: Mapping[str, float], verdict: SpamVerdict) -> dict[str, float]:
    """The probabilities with the odds of spam changed by the verdict, largest first."""
    spam = probabilities.get("spam", 0.0)
    odds = spam * (_FLAGGED if verdict.is_spam else _CLEARED)
    rest = 1.0 - spam
    whole = odds + rest
    if whole <= 0.0:
        return dict(probabilities)
    share = {name: p / whole for name, p in probabilities.items()} | {"spam": odds / whole}
    return dict(sorted(share.items(), key=lambda item: -item[1]))


def _is_in(client: str, networks: Sequence[str]) -> bool:
    try:
        address = ipaddress.ip_address(plain_address(client))
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in networks)


def _flag(value: str) -> bool | None:
    return True if value in _YES else False if value in _NO else None


def _status(value: str) -> bool | None:
    found = _STATUS.match(value)
    return None if found is None else found[1] == "yes"


def _action(value: str) -> bool | None:
    return True if value in _SPAM_ACTIONS else False if value in _HAM_ACTIONS else None


def _result(value: str) -> bool | None:
    """`default: True [12.30 / 15.00]`: rspamd says True from its spam threshold on."""
    found = _RESULT.match(value)
    return None if found is None else found[1] == "true"


# In the order of belief; the first that can be read counts.
_READERS = {
    "X-Spam-Flag": _flag,
    "X-Spam-Status": _status,
    "X-Rspamd-Action": _action,
    "X-Spamd-Result": _result,
    "X-Spam": _flag,
}
