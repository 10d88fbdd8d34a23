"""What the doctor says of catalogue, templates and OCR."""

from pathlib import Path

import pytest

from postroom.config import CatalogueSection, OrdersSection
from postroom.order_readiness import catalogue, recognition, templates
from postroom.readiness import State


def test_what_is_not_configured_is_not_looked_at() -> None:
    orders = OrdersSection()
    assert [*catalogue(CatalogueSection()), *templates(orders), *recognition(orders)] == []


def test_a_catalogue_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text("sku;name\nA1;Bolt M8\nA2;Nut M8\n", encoding="utf-8")
    (found,) = catalogue(CatalogueSection(file=file))
    assert (found.state, found.what) == (State.OK, f"2 products in {file}")


@pytest.mark.parametrize("content", [None, "", "sku;name\n", "<x/>"])
def test_a_catalogue_that_cannot_be_used_is_a_fault(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "products.csv"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    (found,) = catalogue(CatalogueSection(file=file))
    assert found.is_fault and str(file) in found.what and found.mend


def test_templates_are_counted_and_every_fault_has_its_line(tmp_path: Path) -> None:
    section = OrdersSection(templates_dir=tmp_path)
    (tmp_path / "one.yaml").write_text(
        "name: one\nsenders: ['@a.example']\nkind: order\n"
        "lines: {line: '(?P<sku>\\S+) (?P<quantity>\\d+)'}\n",
        encoding="utf-8",
    )
    (found,) = templates(section)
    assert found.state is State.OK and found.what.startswith("1 templates")
    (tmp_path / "two.yaml").write_text("name: two\nkind: nonsense\n", encoding="utf-8")
    assert any(one.is_fault and "two.yaml:2" in one.what for one in templates(section))
    (missing,) = templates(OrdersSection(templates_dir=tmp_path / "none"))
    assert missing.is_fault


def test_tesseract_is_asked_for_its_languages(tmp_path: Path) -> None:
    command = tmp_path / "tesseract"
    command.write_text("#!/bin/sh\nprintf 'List (2):\\neng\\ndeu\\n'\n", encoding="utf-8")
    command.chmod(0o755)

    def said(languages: str, program: Path = command) -> tuple[State, str]:
        section = OrdersSection(ocr=True, ocr_command=program, ocr_languages=languages)
        (found,) = recognition(section)
        return found.state, f"{found.what} {found.mend}"

    assert said("deu+eng")[0] is State.OK
    state, what = said("rus+deu+chi_sim")
    assert state is State.WARNING
    assert "chi_sim, rus" in what and "tesseract-ocr-chi-sim tesseract-ocr-rus" in what
    assert said("eng", tmp_path / "none")[0] is State.FAULT
