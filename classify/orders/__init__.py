"""Reading an order: from a message, or from a bare document, to order lines the ERP can believe.

In: a `Message`, or a file's name and octets. Out: an `Order`, always; what could not be read is in
its problems. Both functions are pure and may be run in a worker process. Several sources in one
mail are compared, structured ones win; only an order without any doubt is `complete`. `Means`
brings templates that an admin taught, and OCR where it is switched on.

Limits: whether a product exists is asked in classify/catalogue.
"""

from collections.abc import Set
from dataclasses import replace

from postroom.message import Message
from postroom.order import Order

from .asides import doubtful
from .hostile import Unreadable
from .judge import judged, known_to_order
from .known import read_known
from .mail import read_mail
from .means import Means
from .reading import Reading

__all__ = ["Means", "doubtful", "extract", "extract_document", "known_to_order"]

_NONE = Means()


def extract(message: Message, means: Means = _NONE, asides: Set[str] = frozenset()) -> Order:
    """The order in a message: its documents, its tables, its words.

    `asides`: those of its `doubtful` sentences that are known to say nothing of the goods.
    """
    return judged(with_problems(read_mail(message, means, asides), means))


def extract_document(filename: str, content: bytes, means: Means = _NONE) -> Order:
    """The order in a bare document; the name is only a label and a hint at its kind."""
    try:
        return judged(with_problems(read_known(filename, content, means=means), means))
    except Unreadable as error:
        return judged(Reading(problems=(f"attachment-unreadable:{filename}", error.reason)))


def with_problems(reading: Reading, means: Means) -> Reading:
    """The reading with what is wrong with the means it was read by."""
    return replace(reading, problems=(*reading.problems, *means.problems))
