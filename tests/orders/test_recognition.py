"""OCR: off by default, never sure, and no way to run anything or to hang."""

import shutil
from pathlib import Path

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest

from postroom import jobs
from postroom.classify.proof.picture import pictures_of
from postroom.config import OrdersSection

DOCUMENTS = Path(__file__).resolve().parent.parent / "corpus" / "orders" / "documents"
READS = shutil.which("tesseract")


def scan() -> bytes:
    """A PDF whose only content is a picture of an order."""
    page = pdfium.PdfDocument((DOCUMENTS / "d5-en-po-noprice.pdf").read_bytes())[0]
    width, height = page.get_size()
    bitmap = page.render(scale=3)
    made = pdfium.PdfDocument.new()
    sheet = made.new_page(width, height)
    image = pdfium.PdfImage.new(made)
    image.set_bitmap(bitmap)
    image.set_matrix(pdfium.PdfMatrix().scale(width, height))
    sheet.insert_obj(image)
    sheet.gen_content()
    target = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / "postroom-scan.pdf"
    made.save(target)
    octets = target.read_bytes()
    target.unlink()
    return octets


def test_a_scan_asks_for_a_person() -> None:
    order = jobs.extract_document("scan.pdf", scan(), OrdersSection())
    assert "scanned" in order.problems
    assert not order.lines


@pytest.mark.slow
@pytest.mark.skipif(READS is None, reason="tesseract is not installed")
def test_a_scan_is_read_by_ocr_but_never_surely() -> None:
    section = OrdersSection(ocr=True, ocr_command=Path(READS or ""), ocr_languages="eng")
    order = jobs.extract_document("scan.pdf", scan(), section)
    assert [str(line.quantity) for line in order.lines] == ["150", "600", "24"]
    assert order.lines[0].sku == "F-1"
    assert all(line.confidence <= 0.7 for line in order.lines)
    assert "read-by-ocr" in order.problems
    assert not order.complete


def test_a_tesseract_that_is_not_there_leaves_the_scan_to_a_person(tmp_path: Path) -> None:
    section = OrdersSection(ocr=True, ocr_command=tmp_path / "none")
    order = jobs.extract_document("scan.pdf", scan(), section)
    assert "scanned" in order.problems
    assert not order.complete


def test_pictures_of_nonsense_are_none() -> None:
    assert pictures_of(b"%PDF-1.4 nonsense") == []
