"""`postroom erp`: questions to the ERP, as its connector asks them."""

import asyncio
import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroom.failure import PermanentFailure

from .options import ConfigOption, JsonOption, configuration, show, writing

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.product import Product

app = typer.Typer(help="The ERP.", no_args_is_help=True)
_HEADING = ("sku", "name", "gtin", "unit", "price", "currency")


@app.callback()
def group() -> None:
    """The ERP."""


@app.command()
def products(
    out: Annotated[
        Path | None,
        typer.Option("--out", dir_okay=False, help="Write a CSV file, whole or not at all."),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the ERP's products, as a CSV that `catalogue.file` can name."""
    from postroom.codec import to_plain

    found = asyncio.run(_products(configuration(config)))
    if json:
        for product in found:
            show(to_plain(product), as_json=True)
    elif out is None:
        sys.stdout.write(_table(found))
    else:
        if not found:  # a catalogue is not replaced by nothing
            raise PermanentFailure("no-products", ValueError("the ERP of [erp] lists none"))
        partial = out.with_name(f".{out.name}.new")
        with writing(out):
            try:
                partial.write_text(_table(found), encoding="utf-8")
                partial.replace(out)
            finally:
                partial.unlink(missing_ok=True)
        typer.echo(f"{len(found)} products in {out}", err=True)


async def _products(settings: "Config") -> "list[Product]":
    from postroom.actions.erp.connect import connect
    from postroom.clock import SystemClock

    erp = connect(settings.erp, SystemClock())
    try:
        return [product async for product in erp.products() if product.sku]
    finally:
        await erp.close()


def _table(found: "list[Product]") -> str:
    out = io.StringIO()
    rows = csv.writer(out, delimiter=";", lineterminator="\n")
    rows.writerow(_HEADING)
    for one in found:
        price = "" if one.price is None else f"{one.price:f}"
        rows.writerow((one.sku, one.name, one.gtin, one.unit, price, one.currency))
    return out.getvalue()
