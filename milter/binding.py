"""pymilter's module by one name that type checkers leave alone.

It has no types, and beside our folder `milter/` they mistake its C part for ours.
"""

from importlib import import_module
from typing import Any

Milter: Any = import_module("Milter")
