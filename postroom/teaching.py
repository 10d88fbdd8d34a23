"""The means by which this process reads orders: templates from files, OCR by tesseract.

In: `[orders]` of the configuration. Out: `Means` for classify/orders. Runs in worker processes.
Templates are loaded when first needed and again when a file of theirs changes. While one of them
cannot be used none is, and the problem `templates-unusable` keeps orders from being complete.
"""

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from .classify.orders.means import Means
from .classify.orders.template import Template
from .classify.orders.templatefile import TemplateError, load_templates
from .config import OrdersSection
from .recognition import recognised

_State = tuple[tuple[str, int, int], ...]
_UNUSABLE = "templates-unusable"


def means_of(section: OrdersSection) -> Means:
    """What the configuration gives; of a single template its senders are not asked."""
    templates: tuple[Template, ...] = ()
    problems: tuple[str, ...] = ()
    place = section.template or section.templates_dir
    if place is not None:
        templates, usable = _loaded(place, _state(place))
        problems = () if usable else (_UNUSABLE,)
    if section.template is not None:
        templates = tuple(replace(one, senders=()) for one in templates)
    ocr = partial(recognised, section=section) if section.ocr else None
    return Means(templates=templates, ocr=ocr, problems=problems)


@lru_cache(maxsize=4)
def _loaded(place: Path, state: _State) -> tuple[tuple[Template, ...], bool]:
    """(templates, whether all could be read); `state` makes a change of a file a new question."""
    try:
        return load_templates(place), True
    except TemplateError:
        return (), False


def _state(place: Path) -> _State:
    try:
        files = sorted(place.glob("*.yaml")) if place.is_dir() else [place]
        states = [(str(path), path.stat()) for path in files]
    except OSError:
        return ()
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in states)
