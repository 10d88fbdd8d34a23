"""`postroom erp products`: what the ERP sells, as a file that orders are matched with."""

import json
from pathlib import Path

import pytest

from postroom.classify.catalogue.sources import read_listing
from tests.fakes.cli import failure_of, postroom, toml
from tests.fakes.recorded import Recorded, RecordedErpNext


def configured(folder: Path, erp: Recorded, secret: str = "key:secret") -> Path:
    (folder / "secret").write_text(secret)
    section = {"kind": "erpnext", "base_url": erp.url, "token_file": str(folder / "secret")}
    return toml(folder / "postroom.toml", erp=section)


def items(number: int) -> list[dict[str, object]]:
    return [
        {"name": f"A;{n}", "item_name": f'Болт "М{n}"', "stock_uom": "Nos"} for n in range(number)
    ]


def test_products_become_a_file_that_the_catalogue_reads(tmp_path: Path) -> None:
    out = tmp_path / "products.csv"
    with RecordedErpNext(Item=items(250)) as erp:  # more than a page
        done = postroom(configured(tmp_path, erp), "erp", "products", "--out", str(out))
    assert done.exit_code == 0, done.output
    listing = read_listing(out)
    assert len(listing.products) == 250
    assert (listing.products[1].sku, listing.products[1].name) == ("A;1", 'Болт "М1"')


@pytest.mark.parametrize("words", [("--json",), ()])
def test_products_on_standard_output(tmp_path: Path, words: tuple[str, ...]) -> None:
    with RecordedErpNext(Item=items(2)) as erp:
        done = postroom(configured(tmp_path, erp), "erp", "products", *words)
    lines = done.stdout.splitlines()
    if words:
        assert [json.loads(line)["sku"] for line in lines] == ["A;0", "A;1"]
    else:
        assert lines[0] == "sku;name;gtin;unit;price;currency"
        assert lines[1].startswith('"A;0";"Болт ""М0""";')


@pytest.mark.parametrize("place", ["nowhere/products.csv", "secret/products.csv"])
def test_a_place_that_cannot_be_written_is_a_line(tmp_path: Path, place: str) -> None:
    with RecordedErpNext(Item=items(2)) as erp:
        config = configured(tmp_path, erp)
        done = postroom(config, "erp", "products", "--out", str(tmp_path / place))
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert str(tmp_path / place) in done.stderr


@pytest.mark.parametrize("erp", [{}, {"base_url": "http://127.0.0.1:9"}])  # the second lists none
def test_a_catalogue_is_not_replaced_by_nothing(tmp_path: Path, erp: dict[str, object]) -> None:
    out = tmp_path / "products.csv"
    out.write_text("old")
    done = postroom(toml(tmp_path / "p.toml", erp=erp), "erp", "products", "--out", str(out))
    assert failure_of(done) == "no-products"
    assert out.read_text() == "old" and not list(tmp_path.glob(".*"))


def test_an_erp_that_says_no_is_told_and_the_old_file_stays(tmp_path: Path) -> None:
    out = tmp_path / "products.csv"
    out.write_text("old")
    with RecordedErpNext() as erp:
        config = configured(tmp_path, erp, secret="wrong")
        done = postroom(config, "erp", "products", "--out", str(out))
    assert failure_of(done) == "erp-http-401"
    assert out.read_text() == "old"
