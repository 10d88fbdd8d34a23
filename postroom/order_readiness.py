"""What reading orders rests on, as `postroom doctor` looks at it: catalogue, templates, OCR.

In: the configuration. Out: `Finding`s; nothing for what is not configured.
"""

import subprocess
from collections.abc import Iterator

from .config import CatalogueSection, OrdersSection
from .failure import PermanentFailure
from .readiness import Finding, fault, ok, warning

_ANSWER_S = 10.0  # that tesseract may take to say which languages it has


def catalogue(section: CatalogueSection) -> Iterator[Finding]:
    """The file of our products."""
    from .classify.catalogue.sources import read_listing

    if section.file is None:
        return
    try:
        listing = read_listing(section.file)
    except PermanentFailure as failure:
        yield fault(
            f"the catalogue {failure.cause}: every order waits for a person",
            "mend the file, or write it anew with `postroom erp products`",
        )
        return
    yield ok(f"{len(listing.products)} products in {section.file}")


def templates(section: OrdersSection) -> Iterator[Finding]:
    """The folder of senders' layouts."""
    from .classify.orders.templatefile import TemplateError, load_templates

    if section.templates_dir is None:
        return
    if not section.templates_dir.is_dir():
        yield fault(f"orders.templates_dir {section.templates_dir} is no folder", "create it")
        return
    try:
        found = load_templates(section.templates_dir)
    except TemplateError as error:
        for one in error.faults:
            yield fault(f"template {one}", "mend it; until then none is used and orders wait")
        return
    yield ok(f"{len(found)} templates in {section.templates_dir}")


def recognition(section: OrdersSection) -> Iterator[Finding]:
    """The program that reads scans, and its languages."""
    if not section.ocr:
        return
    command = str(section.ocr_command)
    try:
        said = subprocess.run(
            [command, "--list-langs"], capture_output=True, text=True, timeout=_ANSWER_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        yield fault(
            f"orders.ocr_command {command} does not run ({type(error).__name__}): scans wait",
            "install tesseract-ocr, or set orders.ocr = false",
        )
        return
    missing = sorted(set(section.ocr_languages.split("+")) - set(said.split()))
    if missing:
        packages = " ".join(f"tesseract-ocr-{name.replace('_', '-')}" for name in missing)
        yield warning(f"tesseract has no {', '.join(missing)}: scans wait", f"install {packages}")
    else:
        yield ok(f"tesseract reads {section.ocr_languages}")
