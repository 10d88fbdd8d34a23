"""Which connector serves a destination: the one place that knows them all.

In: the settings of [erp] or [tickets]. Out: an `Erp`.
"""

from postroom.clock import Clock
from postroom.config import ErpSection

from .contract import Erp
from .documents import Documents
from .mapping import load
from .rest import RestErp
from .roundup import Roundup
from .tryton import Tryton


def connect(settings: ErpSection, clock: Clock) -> Erp:
    """The connector for `settings.kind`. Raises PermanentFailure(erp-mapping)."""
    match settings.kind:
        case "rest":
            return RestErp(settings, clock)
        case "roundup":
            return Roundup(settings, clock)
        case "tryton":
            mapping = load("tryton", settings.mapping_file)
            return Documents(Tryton(settings, clock), mapping, settings=settings, clock=clock)
