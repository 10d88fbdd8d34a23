r"""Templates: a sender's layout, taught by an admin in YAML.

In: what a template file says (templatefile.py reads it). Out: a `Template`, plain data that
crosses a process border, and whether it fits a document. taught.py reads a document by it.

    name: metro-orders
    senders: [orders@metro.test, "@filialen.metro.test"]   # who writes so; none: anybody
    keywords: [Bestellung, METRO]                          # all stand in the text
    kind: order
    fields: {number: 'Bestell-Nr\.\s+(\d+)', date: 'Datum:\s+(\S+)'}
    lines:
      start: 'Pos\s+Artikel'
      end: 'Gesamtsumme'
      line: '^(?P<sku>\d{6})\s+(?P<description>.+?)\s+(?P<quantity>\d+)\s+(?P<unit>\w+)'
      more: '^\s+(?P<description>\S.*)$'

Patterns are RE2's: linear, so none can hang; no look-around, no back-references.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from postroom.order import OrderKind

FIELDS = (
    "number", "date", "due_date", "total", "currency", "buyer", "tax_id", "delivery_address",
    "delivery_date",
)  # fmt: skip
LINE_FIELDS = ("sku", "gtin", "description", "quantity", "unit", "unit_price", "total", "discount")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRules:
    """Where the lines of an order stand in a text, and how one looks."""

    start: str = ""  # lines begin behind a match; empty: at the top
    end: str = ""  # and end before one; empty: at the bottom
    line: str = ""  # named groups of LINE_FIELDS
    more: str = ""  # a further row of the same line: its description goes on
    skip: str = ""  # rows in between that say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One layout."""

    name: str
    senders: tuple[str, ...] = ()  # addresses, or "@domain" with its subdomains; lower case
    keywords: tuple[str, ...] = ()  # all must stand in the text, any case
    exclude: tuple[str, ...] = ()  # none may
    kind: OrderKind = OrderKind.ORDER
    language: str = ""
    decimal: str = ""  # "," or "."; empty: as the document shows
    currency: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)  # of FIELDS -> pattern with one group
    columns: Mapping[str, str] = field(default_factory=dict)  # of LINE_FIELDS -> a heading's text
    lines: LineRules = LineRules()

    def fits_sender(self, author: str) -> bool:
        """True when mail of that author is written so; a template without senders fits all."""
        address = author.lower()
        domain = address.rpartition("@")[2]
        return not self.senders or any(
            address == one
            or (one.startswith("@") and (domain == one[1:] or domain.endswith("." + one[1:])))
            for one in self.senders
        )

    def fits_text(self, text: str) -> bool:
        """True when the text holds all keywords and nothing excluded."""
        folded = re.sub(r"\s+", " ", text).casefold()
        return all(word.casefold() in folded for word in self.keywords) and not any(
            word.casefold() in folded for word in self.exclude
        )


@lru_cache(maxsize=1000)
def pattern(text: str) -> Any:
    """The compiled pattern. Raises re2.error."""
    return re2.compile(text)
