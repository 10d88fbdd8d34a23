"""Which recipients are ours: a question of configuration, answered without I/O.

In: RCPT TO and the list service.mailboxes. Out: yes or no, and the mailbox behind an address with
an extension (info+orders@example.com is info@example.com, quoted or not). An empty list takes
everyone, because then Postfix alone decides. postmaster is always ours (RFC 5321 4.5.1). Case
never matters; a domain may be written with U-labels or A-labels, and both are one mailbox.
"""

from postroom.config import Config
from postroom.reading.names import ascii_name, mailbox_of


def is_ours(recipient: str, config: Config) -> bool:
    """True when mail to this recipient is taken."""
    mailboxes = config.service.mailboxes
    if not mailboxes:
        return True
    known = {comparable(mailbox) for mailbox in mailboxes}
    wanted = comparable(mailbox_of(recipient))
    if wanted in known:
        return True
    local, _, domain = wanted.rpartition("@")
    return wanted == "postmaster" or (
        local == "postmaster" and any(entry.endswith(f"@{domain}") for entry in known)
    )


def maildir_of(recipient: str, config: Config) -> str:
    """The mailbox whose Maildir takes the copy: the one of ours as configured, if it is one."""
    mailbox = mailbox_of(recipient)
    wanted = comparable(mailbox)
    return next((one for one in config.service.mailboxes if comparable(one) == wanted), mailbox)


def comparable(address: str) -> str:
    """An address as it is compared: lower case, the domain in A-labels where it has them."""
    local, at, domain = address.lower().rpartition("@")
    return f"{local}{at}{ascii_name(domain) or domain}"
