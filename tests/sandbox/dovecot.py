"""The machine's Dovecot as an LMTP server that syncs every message to disk, to compare with.

In: a folder. Out: a running Dovecot whose LMTP socket takes mail for any address into Maildirs
below the folder. Its own configuration; the machine's is not read.

Limits: needs root, as Dovecot's master does.
"""

import os
import pwd
from pathlib import Path

from .contenders import installed
from .processes import Child

_CONFIGURATION = """\
protocols = lmtp
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
mail_location = maildir:{folder}/mail/%u
mail_fsync = always
first_valid_uid = 0
mail_uid = {uid}
mail_gid = {gid}
default_internal_user = nobody
default_login_user = nobody
service lmtp {{
  user = {user}
  process_min_avail = 2
  unix_listener {socket} {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} allow_all_users=yes home={folder}/home/%u
}}
lda_mailbox_autocreate = yes
"""
_MAIL_USER = "mail"  # Debian has it everywhere; Dovecot delivers for nobody as root


def can_run() -> bool:
    """True where Dovecot's LMTP is installed and we are root."""
    lmtp = Path("/usr/lib/dovecot/lmtp")
    return os.geteuid() == 0 and installed("dovecot") is not None and lmtp.exists()


def dovecot(folder: Path) -> tuple[Child, Path]:
    """Starts it; the process and the socket that it will listen on."""
    here = folder / "dovecot"
    for name in ("run", "state", "mail", "home"):
        (here / name).mkdir(parents=True)
    account = pwd.getpwnam(_MAIL_USER)
    for name in ("mail", "home"):
        os.chown(here / name, account.pw_uid, account.pw_gid)
    socket = here / "lmtp.sock"
    configuration = here / "dovecot.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=here,
            socket=socket,
            user=_MAIL_USER,
            uid=account.pw_uid,
            gid=account.pw_gid,
        )
    )
    program = installed("dovecot") or "dovecot"
    return Child([program, "-F", "-c", str(configuration)], log=here / "start.log"), socket
