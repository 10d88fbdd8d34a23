"""One file per ERP behind the Protocol in contract.py."""
