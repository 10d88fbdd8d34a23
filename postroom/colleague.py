"""A colleague: whom a message of a customer may be handed to.

In: an address as a person typed it. Out: nothing, or why not. Ours are the domains of the mailboxes
that the configuration names. A local part that holds an address of its own ("x%elsewhere.example",
"elsewhere.example!x", a quoted "x@elsewhere.example") is none of ours, whatever domain stands
behind it: some mail servers, Postfix by default among them, would route it there. So only what
needs no quotes is taken (RFC 5321 4.1.2, Dot-string), and of that neither "%" nor "!".
"""

import re

from .config import Config
from .failure import PermanentFailure

_ROUTE = re.compile(r"""["%!@()<>\[\]:;,\\\s]""")


def check_colleague(recipient: str, config: Config) -> None:
    """Raises PermanentFailure(forward-outside) for an address that is none of ours."""
    ours = (*config.service.mailboxes, *filter(None, (config.reply.author, config.mailbox.hr)))
    domains = {mailbox.rpartition("@")[2].lower() for mailbox in ours}
    local, _, domain = recipient.rpartition("@")
    is_plain = recipient.isprintable() and not _ROUTE.search(local) and not local.startswith("-")
    if not local or not is_plain or domain.lower() not in domains:
        said = f"{recipient} is in none of our domains: {', '.join(sorted(domains)) or 'none'}"
        raise PermanentFailure("forward-outside", ValueError(said))
