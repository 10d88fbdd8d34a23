"""Which recipients are ours: a question of configuration, answered without I/O.

In: RCPT TO and the list service.mailboxes. Out: yes or no, and the mailbox behind an address with
an extension (info+orders@example.com is info@example.com). An empty list takes everyone, because
then Postfix alone decides. postmaster is always ours (RFC 5321 4.5.1). Case never matters;
a domain may be written with U-labels or A-labels.
"""

from postroom.config import Config


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


def mailbox_of(recipient: str) -> str:
    """The mailbox an address belongs to: lower case, without the extension after "+"."""
    local, at, domain = recipient.lower().rpartition("@")
    if not at:
        return domain
    # A quoted local part is what it is; only the plain form knows extensions.
    plain = local if local.startswith('"') else local.partition("+")[0] or local
    return f"{plain}@{domain}"


def comparable(address: str) -> str:
    """An address as it is compared: lower case, the domain in A-labels where it has them."""
    local, at, domain = address.lower().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode() if len(domain) < 256 else domain
    except UnicodeError:
        ascii_domain = domain
    return f"{local}{at}{ascii_domain}"
