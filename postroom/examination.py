"""What the front of the house found out about a message before it was queued.

Made by service.py's examiner (authenticate -> read -> classify -> policy) for the milter, and
for LMTP when a message carries no valid stamp.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .classification import Classification
from .envelope import Envelope
from .verdict import Disposition, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Verdict, classification and what SMTP is to be told."""

    verdict: Verdict
    classification: Classification
    disposition: Disposition = Disposition.ACCEPT
    reason: str = ""  # machine token behind the disposition: "dmarc-reject", "" for accept
    text: str = ""  # what a rejected sender is told; one ASCII line
    # Why its reading had no end ("worker-timeout"); then the classification is one of nothing.
    unread: str = ""


# Raises TemporaryFailure when it cannot say; never blocks beyond its own deadline.
Examine = Callable[[Envelope, bytes], Awaitable[Examination]]
