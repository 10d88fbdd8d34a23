"""An order's lines -> our products: matched surely, or with candidates and the reason.

In: an `Order`, a `Catalogue`, what this customer's own part numbers mean (learnt from orders that
a person confirmed), and how alike names must be. Out: the order; each line has `product`, or
`candidates` and a problem (product-unknown, product-ambiguous, product-contradicts), and then
the order is not complete. Pure.

A code decides only when nothing speaks against it: a line whose code is ours by chance, but whose
words name something else, is ambiguous. Words alone decide only when one product is far ahead and
every size and number of the two names agrees, since "M8x30" and "M8x40" are alike to any measure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from postroom.order import Candidate, Order, OrderKind, OrderLine
from postroom.partcode import squeezed
from postroom.product import Product

from .index import Catalogue, words_of

_STRANGERS = 0.34  # names less alike than this speak against a code
_MOST_CANDIDATES = 5
_WORTH_SHOWING = 0.5
_CODE_IN_TEXT = re.compile(r"(?=\S*\d)[\w./-]{4,30}")
_UNMATCHED = ("product-unknown", "product-ambiguous", "product-contradicts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """From when on words alone decide."""

    score: float = 0.9  # of the likest product
    ahead: float = 0.06  # of the next one


def matched(
    order: Order,
    catalogue: Catalogue,
    learnt: Mapping[str, str] = {},
    likely: Likely = Likely(),
) -> Order:
    """The order with its lines matched; complete only when it was, and every line is matched.

    `learnt`: this customer's part numbers, squeezed (postroom.partcode) -> our part number.
    """
    if order.kind not in (OrderKind.ORDER, OrderKind.ORDER_CHANGE) or not order.lines:
        return order
    lines = tuple(_matched(line, catalogue, learnt, likely) for line in order.lines)
    return replace(
        order, lines=lines, complete=order.complete and all(line.product for line in lines)
    )


def _matched(
    line: OrderLine, catalogue: Catalogue, learnt: Mapping[str, str], likely: Likely
) -> OrderLine:
    found = _by_codes(line, catalogue, learnt)
    skus = dict.fromkeys(one.sku for one in found)
    if len(skus) > 1:
        return _unsure(line, "product-contradicts", found)
    if found:
        product = catalogue.coded(found[0].sku)[0]
        if found[0].by in ("customer", "gtin") or not _strangers(line, product):
            return replace(line, product=product.sku)
    named = [
        Candidate(sku=one.product.sku, name=one.product.name, score=one.score, by="description")
        for one in catalogue.alike(line.description, _MOST_CANDIDATES)
        if one.score >= _WORTH_SHOWING
    ]
    chosen = _by_words(line, named, likely) if not found else ""
    if chosen:
        return replace(line, product=chosen)
    candidates = [*found, *(one for one in named if one.sku not in skus)]
    return _unsure(line, "product-ambiguous" if candidates else "product-unknown", candidates)


def _by_codes(line: OrderLine, catalogue: Catalogue, learnt: Mapping[str, str]) -> list[Candidate]:
    """Products by what can only be a code, the surest source first."""
    found: list[Candidate] = []
    for code in (line.sku, line.description):
        sku = learnt.get(squeezed(code), "") if code else ""
        found += [_candidate(one, "customer") for one in (catalogue.coded(sku) if sku else ())]
    if found:
        return found[:1]  # a person said so
    found = [_candidate(one, "gtin") for one in catalogue.with_gtin(line.gtin)]
    found += [_candidate(one, "sku") for one in catalogue.coded(line.sku)]
    if not found and not line.sku:
        for code in _CODE_IN_TEXT.findall(line.description):
            found += [_candidate(one, "sku") for one in catalogue.coded(code)]
    return found


def _candidate(product: Product, by: str) -> Candidate:
    return Candidate(sku=product.sku, name=product.name, score=1.0, by=by)


def _strangers(line: OrderLine, product: Product) -> bool:
    """True when the line's words name something else than the product."""
    asked, named = " ".join(words_of(line.description)), " ".join(words_of(product.name))
    if not any(char.isalpha() for char in asked) or not named:
        return False
    if squeezed(product.sku) in squeezed(line.description):
        return False  # nothing but the code, perhaps
    return fuzz.token_set_ratio(asked, named) < 100 * _STRANGERS


def _by_words(line: OrderLine, named: list[Candidate], likely: Likely) -> str:
    """The part number of the one product that the words can mean; empty when there is none."""
    if line.sku:
        return ""  # a code that we do not know means something to the customer
    figures = _figures(line.description)
    agreeing = [one for one in named if _figures(one.name) == figures]
    if not agreeing or agreeing[0].score < likely.score:
        return ""
    behind = agreeing[1].score if len(agreeing) > 1 else 0.0
    return agreeing[0].sku if agreeing[0].score - behind >= likely.ahead else ""


def _figures(text: str) -> set[str]:
    """The words that hold a digit: sizes, strengths, models."""
    return {word for word in words_of(text) if any(char.isdigit() for char in word)}


def _unsure(line: OrderLine, problem: str, candidates: list[Candidate]) -> OrderLine:
    kept = tuple(candidates[:_MOST_CANDIDATES])
    named = f"{problem}:{', '.join(one.sku for one in kept)}" if kept else problem
    others = tuple(one for one in line.problems if one.partition(":")[0] not in _UNMATCHED)
    return replace(line, product="", candidates=kept, problems=(*others, named))
