"""Which connector serves a destination: the one place that knows them all.

In: the settings of [erp] or [tickets]. Out: an `Erp`.
"""

from collections.abc import Callable

from postroom.clock import Clock
from postroom.config import ErpSection

from .contract import Erp
from .documents import Documents, System
from .erpnext import ErpNext
from .exchange import Pulled
from .mapping import load
from .odoo import Odoo
from .onec import OneC
from .rest import RestErp
from .roundup import Roundup
from .tryton import Tryton
from .webhook import Webhook

_SYSTEMS: dict[str, Callable[[ErpSection, Clock], System]] = {
    "tryton": Tryton,
    "odoo": Odoo,
    "erpnext": ErpNext,
    "onec": OneC,
}


def connect(settings: ErpSection, clock: Clock) -> Erp:
    """The connector for `settings.kind`. Raises PermanentFailure(erp-mapping)."""
    match settings.kind:
        case "rest":
            return RestErp(settings, clock)
        case "roundup":
            return Roundup(settings, clock)
        case "commerceml":
            return Pulled()
        case "webhook":
            return Webhook(settings, clock)
        case kind:
            mapping = load(kind, settings.mapping_file)
            system = _SYSTEMS[kind](settings, clock)
            return Documents(system, mapping, settings=settings, clock=clock)
