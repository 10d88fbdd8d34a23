"""The machine's OpenDKIM and OpenDMARC, one milter after the other, as a contender.

In: a folder and what the sender publishes. Out: a `Contender`. OpenDKIM gets its keys from a file,
because its libunbound answers for the domains of our zone by itself (RFC 6761). OpenDMARC
can only ask the resolver of /etc/resolv.conf, so it runs in a mount namespace where that names
`RESOLVER`, on which a name server of ours has to listen at port 53.

Limits: needs root.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from .contenders import HOST, OPENDMARC, Contender, installed
from .processes import Child

RESOLVER = "127.0.0.153"
_OPENDKIM = """\
Mode v
Socket local:{folder}/opendkim.sock
UMask 000
AuthservID {host}
AlwaysAddARHeader yes
TestDNSData file:{folder}/keys
"""
_OPENDMARC = """\
Socket local:{folder}/opendmarc.sock
UMask 000
AuthservID {host}
TrustedAuthservIDs {host}
SPFSelfValidate true
RejectFailures true
"""
_OWN_RESOLVER = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


def can_run() -> bool:
    """True where both are installed and we may give OpenDMARC a resolver of its own."""
    return os.geteuid() == 0 and all(
        installed(program) for program in ("opendkim", "opendmarc", "unshare")
    )


def opendkim_and_opendmarc(
    folder: Path, records: Mapping[str, Sequence[tuple[str, str]]]
) -> Contender:
    """Both, checking what Postroom checks: DKIM, then SPF and DMARC, refusing failures."""
    here = folder / "opendmarc"
    here.mkdir()
    texts = [(name, text) for name, of in records.items() for kind, text in of if kind == "TXT"]
    (here / "keys").write_text("".join(f"{name} {text}\n" for name, text in texts))
    (here / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    for name, text in (("opendkim", _OPENDKIM), ("opendmarc", _OPENDMARC)):
        (here / f"{name}.conf").write_text(text.format(folder=here, host=HOST))
    log = here / "log"
    dkim = ["opendkim", "-f", "-x", f"{here}/opendkim.conf"]
    view = ["unshare", "--mount", "sh", "-c", _OWN_RESOLVER, f"{here}/resolv.conf"]
    dmarc = ["opendmarc", "-f", "-c", f"{here}/opendmarc.conf"]
    return Contender(
        name=OPENDMARC,
        endpoints=(here / "opendkim.sock", here / "opendmarc.sock"),
        children=(Child(dkim, log=log), Child([*view, *dmarc], log=log)),
        log=log,
    )
