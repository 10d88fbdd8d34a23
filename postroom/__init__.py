"""Postroom, the mailroom of a company address; see docs/flow.md for the way of a message."""

__version__ = "0.1.0"
