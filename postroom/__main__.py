"""`python -m postroom`: the same as the `postroom` command."""

from .cli import main

main()
