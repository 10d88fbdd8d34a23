"""What a reader may use besides the octets: templates that fit the sender, and OCR where it is on.

Made by the composition root, handed through extract(); readers stay pure. The default is nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from .page import Page
from .template import Template

Ocr = Callable[[bytes], list[Page]]  # a PDF or picture -> pages of recognised words


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Templates and OCR for one reading."""

    templates: tuple[Template, ...] = ()
    ocr: Ocr | None = None
    problems: tuple[str, ...] = ()  # of the means themselves: "templates-unusable"

    def of(self, author: str) -> "Means":
        """The means for mail of that author."""
        fitting = tuple(one for one in self.templates if one.fits_sender(author))
        return replace(self, templates=fitting)
