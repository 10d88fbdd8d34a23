"""Reading an order: from a message, or from a bare document, to order lines the ERP can believe.

In: a `Message`, or a file's name and octets. Out: an `Order`, always; what could not be read is in
its problems. Both functions are pure and may be run in a worker process. Several sources in one
mail are compared, structured ones win; only an order without any doubt is `complete`.

Limits: no OCR (a scan asks for a person); whether a product exists is asked in classify/catalogue.
"""

from postroom.message import Message
from postroom.order import Order

from .document import read_document
from .hostile import Unreadable
from .judge import judged
from .mail import read_mail
from .reading import Reading

__all__ = ["extract", "extract_document"]


def extract(message: Message) -> Order:
    """The order in a message: its documents, its tables, its words."""
    return judged(read_mail(message))


def extract_document(filename: str, content: bytes) -> Order:
    """The order in a bare document; the name is only a label and a hint at its kind."""
    try:
        return judged(read_document(filename, content))
    except Unreadable as error:
        return judged(Reading(problems=(f"attachment-unreadable:{filename}", error.reason)))
