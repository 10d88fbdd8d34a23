"""A part number as it is compared, and whose part numbers they are.

In: a code as somebody wrote it; an order and its author. Out: keys. Used by the catalogue
(classify/catalogue) and by what is learnt from confirmed orders (store/partnumbers.py).

Limits: two codes that differ only in spaces, dashes, dots, slashes or case count as one.
"""

import re

from .order import Order

_NOISE = re.compile(r"[\s\-–—./_,:]+")


def squeezed(code: str) -> str:
    """A code without case, spaces, dashes, dots and slashes; empty when nothing is left."""
    return _NOISE.sub("", code).casefold().replace("ё", "е")


def customer_of(order: Order, author: str) -> str:
    """Whose order it is: the checked tax number, else the author's address."""
    return f"tax:{order.buyer.tax_id}" if order.buyer.tax_id else f"mail:{author.lower()}"
