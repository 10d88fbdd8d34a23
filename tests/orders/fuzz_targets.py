"""What must hold for any document, any text, any template: functions that raise when it does not.

tests/reading/fuzz_targets.py runs them beside its own, by scripts/fuzz and test_fuzz.py.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from postroom.classify.orders import extract, extract_document
from postroom.classify.orders.body import read_body
from postroom.classify.orders.judge import judged
from postroom.classify.orders.means import Means
from postroom.classify.orders.shown import parts_of_document
from postroom.classify.orders.templatefile import TemplateError, load_templates
from postroom.classify.proof.page import page_of
from postroom.codec import from_json, to_json
from postroom.order import Order, OrderKind
from postroom.reading.reader import read

_SURE = 0.85


def order_document(octets: bytes) -> None:
    """Any octets become an order that can be stored and shown."""
    order = extract_document("x", octets)
    holds(order)
    page_of("x", order, parts_of_document("x", octets), {})


def order_text(octets: bytes) -> None:
    """Any text becomes lines; a mail of it an order."""
    text = octets.decode("utf-8", "replace")
    holds(judged(read_body(text, ("", "ru", "en", "de")[len(octets) % 4])))
    mail = b"From: a@b.test\nContent-Type: text/plain; charset=utf-8\n\n" + octets
    holds(extract(read(mail)))


def order_template(octets: bytes) -> None:
    """Any template file is loaded or named with its faults; what it reads is an order."""
    head, _, text = octets.partition(b"\n---\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.yaml"
        path.write_bytes(head)
        try:
            means = Means(templates=load_templates(path))
        except TemplateError as error:
            assert all(str(path) in fault for fault in error.faults)
            return
    holds(extract_document("x.txt", text, means))


def holds(order: Order) -> None:
    """An order's own promises: it can be stored, and is complete only when sure."""
    assert from_json(Order, to_json(order)) == order
    for line in order.lines:
        assert 0 <= line.confidence <= 1
        assert line.quantity is None or line.quantity.is_finite()
    if order.complete:
        assert order.kind is OrderKind.ORDER
        assert order.lines
        assert all(line.confidence >= _SURE and (line.quantity or 0) > 0 for line in order.lines)


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (order_document, order_text, order_template)
}
