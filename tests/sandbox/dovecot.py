"""The machine's Dovecot as an LMTP server that syncs every message to disk, to compare with.

In: a folder. Out: a running Dovecot whose LMTP socket takes mail for any address into Maildirs
below the folder. Its own configuration, in the language of Dovecot 2.4 or of the versions before;
the machine's is not read.

Limits: needs root, as Dovecot's master does.
"""

import os
import pwd
import subprocess
from pathlib import Path

from .contenders import installed
from .processes import Child

_CONFIGURATION = """\
protocols = lmtp
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
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
lda_mailbox_autocreate = yes
"""
_BEFORE_2_4 = """\
mail_location = maildir:{folder}/mail/%u
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
"""
_SINCE_2_4 = """\
mail_driver = maildir
mail_path = {folder}/mail/%{{user}}
service anvil {{
  chroot =
  unix_listener anvil {{
    mode = 0666
  }}
}}
passdb static {{
  fields {{
    nopassword = yes
  }}
}}
userdb static {{
  allow_all_users = yes
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/home/%{{user}}
  }}
}}
"""
# Which version the file was written for; it must come before every setting.
_WRITTEN_FOR = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
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
    program = installed("dovecot") or "dovecot"
    written = here / "dovecot.conf"
    written.write_text(configuration(here, socket, account, _version(program)))
    return Child([program, "-F", "-c", str(written)], log=here / "start.log"), socket


def configuration(
    folder: Path, socket: Path, account: pwd.struct_passwd, version: tuple[int, int]
) -> str:
    """What dovecot.conf says, in the language of a version."""
    new = version >= (2, 4)
    text = (_WRITTEN_FOR if new else "") + _CONFIGURATION + (_SINCE_2_4 if new else _BEFORE_2_4)
    return text.format(
        folder=folder,
        socket=socket,
        user=account.pw_name,
        uid=account.pw_uid,
        gid=account.pw_gid,
    )


def _version(program: str) -> tuple[int, int]:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = told.split(".")[:2]
    return int(major), int(minor)
