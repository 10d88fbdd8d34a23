"""Whether Postfix gets at our sockets: out of its chroot, and with the groups of its user.

In: the configuration; Postfix's settings and its services, as postconf(1) says them. Out: findings
for `postroom doctor`, whom the sockets may well answer while Postfix cannot open them: then smtpd
says 451 to everything, or what is for us waits in the queue.

Limits: unix sockets of this host. Access lists (acl(5)) are not judged. Postfix's processes have
the groups that their user had when they were started.
"""

import grp
import os
import pwd
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .config import Config
from .promises import transport_of
from .readiness import Finding, fault, ok

_ENTER, _CONNECT = 0o1, 0o2  # rights on a folder (path_resolution(7)) and on a socket (unix(7))
_ACCESS_LIST = "system.posix_acl_access"


def services() -> dict[str, str]:
    """Columns and own parameters of master.cf's services, as postconf(1) on this host says them.

    The names are like smtp/inet/chroot; empty where it says nothing.
    """
    try:
        printed = [
            subprocess.run(
                ["postconf", option], capture_output=True, text=True, timeout=10, check=True
            ).stdout
            for option in ("-F", "-P")
        ]
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = (line.partition(" =") for line in "".join(printed).splitlines())
    return {name: value.strip() for name, _, value in lines}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A socket of ours and Postfix's services that use it."""

    endpoint: str
    services: Sequence[str]
    else_: str  # what Postfix does when it cannot


def reached(
    config: Config, settings: Mapping[str, str], master: Mapping[str, str]
) -> Iterator[Finding]:
    """What keeps Postfix's services from the sockets that its settings give them."""
    milter, lmtp = config.milter.socket, config.lmtp.socket
    ways = [transport_of(mailbox, settings) for mailbox in config.service.mailboxes]
    clients = {f"{way.partition(':')[0]}/unix" for way in ways if lmtp in way}
    asked = settings.get("smtpd_milters", "")
    programs = _programs(master)
    for way in (
        _Way(
            endpoint=milter,
            services=[
                name
                for name, program in programs.items()
                if program == "smtpd" and milter in master.get(f"{name}/smtpd_milters", asked)
            ],
            else_="Postfix says 451 to all mail",
        ),
        _Way(
            endpoint=lmtp,
            services=[name for name in programs if name in clients],
            else_="mail for us waits in Postfix",
        ),
    ):
        kind, _, place = way.endpoint.partition(":")
        if kind != "unix" or not way.services or not os.path.exists(place):
            continue  # that we do not listen, or are not asked, is found elsewhere
        found = [*_in_a_chroot(way, place, settings, master), *_shut_out(way, settings, master)]
        yield from found or [ok(f"Postfix may open {place}")]


def _programs(master: Mapping[str, str]) -> dict[str, str]:
    """Service -> the name of its program."""
    return {
        name.removesuffix("/command"): os.path.basename(command.split()[0])
        for name, command in master.items()
        if name.endswith("/command") and command
    }


def _in_a_chroot(
    way: _Way, place: str, settings: Mapping[str, str], master: Mapping[str, str]
) -> Iterator[Finding]:
    if _is_same(settings.get("queue_directory", "") + place, place):
        return
    # master(5): what the column's "-" means depends on the level.
    level = settings.get("compatibility_level", "0").partition(".")[0]
    chrooted = ("y", "-") if level == "0" else ("y",)
    for name in way.services:
        if master.get(f"{name}/chroot", "-") in chrooted:
            yield fault(
                f"{name} runs in a chroot where there is no {place}: {way.else_}",
                f"postconf -F {name}/chroot=n; postfix reload",
            )


def _shut_out(
    way: _Way, settings: Mapping[str, str], master: Mapping[str, str]
) -> Iterator[Finding]:
    """A fault where Postfix's user may not go as far as to the socket."""
    if all(master.get(f"{name}/unprivileged") == "n" for name in way.services):
        return
    try:
        owner = pwd.getpwnam(settings.get("mail_owner", "postfix"))
        groups = os.getgrouplist(owner.pw_name, owner.pw_gid)
        path = Path(os.path.realpath(way.endpoint.partition(":")[2]))
        closed = _closed(path, owner.pw_uid, groups)
    except (KeyError, OSError):
        return  # Postfix's user is not of this host, or we ourselves may not look
    if closed is None:
        return
    place, right = closed
    found = place.stat()
    group = _group(found.st_gid)
    if found.st_gid and found.st_mode >> 3 & right:
        mend = f"usermod -a -G {group} {owner.pw_name}; systemctl restart postfix"
    else:
        mend = f"give it a group that {owner.pw_name} is in, and that group the right"
    verb = "enter" if right == _ENTER else "write to"
    yield fault(f"Postfix's user {owner.pw_name} may not {verb} {place}: {way.else_}", mend)


def _closed(path: Path, uid: int, groups: Sequence[int]) -> tuple[Path, int] | None:
    """The first folder on the way, or the socket, that a user has no right to; and which right."""
    for place, right in (
        *((folder, _ENTER) for folder in reversed(path.parents)),
        (path, _CONNECT),
    ):
        found = place.stat()
        shift = 6 if found.st_uid == uid else 3 if found.st_gid in groups else 0
        if uid and not found.st_mode >> shift & right and _ACCESS_LIST not in os.listxattr(place):
            return place, right
    return None


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
