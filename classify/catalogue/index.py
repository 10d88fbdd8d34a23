"""The products, found by code, by GTIN and by words.

In: products. Out: a `Catalogue`, which never changes; a new list of products makes a new one. Codes
are compared without case, spaces and dashes ("НТ 100-L" is "нт100l"). Words find products through
those that hold the rarest of them, so that one look-up among 100 000 takes a few milliseconds.

Limits: descriptions are compared by their words, not by their meaning: "gloves" finds no
"Handschuhe".
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz

from postroom.partcode import squeezed
from postroom.product import Product

_MOST_COMPARED = 400  # products whose names are compared with one description
_MOST_WORDS = 40
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)?")


def words_of(text: str) -> list[str]:
    """The words of a description as they are compared; "М8х30" and "M8x30" are the same."""
    return [_latin(word) for word in _WORD.findall(text.casefold().replace("ё", "е"))][:_MOST_WORDS]


_LOOKALIKES = str.maketrans("авекмнорстух", "abekmhopctyx")


def _latin(word: str) -> str:
    """Cyrillic letters that look Latin, in words that hold a digit: sizes are typed both ways."""
    return word.translate(_LOOKALIKES) if any(char.isdigit() for char in word) else word


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """A product and how much its name is like a description."""

    product: Product
    score: float  # 0..1


class Catalogue:
    """All products, ready to be looked up."""

    def __init__(self, products: Iterable[Product], aliases: Mapping[str, str] = {}) -> None:
        """`aliases` are other codes (a manufacturer's) by which a part number is meant."""
        self._by_code: dict[str, list[Product]] = defaultdict(list)
        self._by_gtin: dict[str, list[Product]] = defaultdict(list)
        self._by_word: dict[str, list[int]] = defaultdict(list)
        self._products = list(products)
        self._names = [" ".join(words_of(product.name)) for product in self._products]
        for place, product in enumerate(self._products):
            if product.sku:
                self._by_code[squeezed(product.sku)].append(product)
            if product.gtin:
                self._by_gtin[product.gtin.zfill(14)].append(product)
            for word in set(self._names[place].split()):
                self._by_word[word].append(place)
        for alias, sku in aliases.items():
            for product in self._by_code.get(squeezed(sku), ())[:1]:
                if product not in self._by_code[squeezed(alias)]:
                    self._by_code[squeezed(alias)].append(product)

    def __len__(self) -> int:
        return len(self._products)

    def coded(self, code: str) -> list[Product]:
        """The products of that code, one per part number."""
        return _distinct(self._by_code.get(squeezed(code), ())) if squeezed(code) else []

    def with_gtin(self, gtin: str) -> list[Product]:
        """The products of that GTIN."""
        return _distinct(self._by_gtin.get(gtin.zfill(14), ())) if gtin else []

    def alike(self, description: str, most: int = 5) -> list[Likeness]:
        """The products whose names are most like a description, the likest first."""
        words = words_of(description)
        asked = " ".join(words)
        scored = [
            Likeness(
                product=self._products[place],
                score=round(
                    fuzz.token_sort_ratio(asked, self._names[place]) * 0.4
                    + fuzz.token_set_ratio(asked, self._names[place]) * 0.6
                )
                / 100,
            )
            for place in self._compared(words)
        ]
        scored.sort(key=lambda one: (-one.score, one.product.sku))
        return scored[:most]

    def _compared(self, words: list[str]) -> list[int]:
        """Places of the products that share the description's rarest words."""
        known = sorted(
            {word for word in words if word in self._by_word},
            key=lambda word: len(self._by_word[word]),
        )
        places: dict[int, None] = {}
        for word in known:
            for place in self._by_word[word]:
                places[place] = None
                if len(places) >= _MOST_COMPARED:
                    return list(places)
        return list(places)


def _distinct(products: Iterable[Product]) -> list[Product]:
    """One product per part number: a CSV may name it once per barcode."""
    return list({product.sku: product for product in products}.values())
