"""Mailboxes that are none of Postroom's: Postfix's local(8) and virtual(8) deliver to them."""

import os
import pwd
import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox import world
from tests.sandbox.postfix import LOOPBACK, Postfix, free_ports
from tests.sandbox.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
_HOST = "host.test"
_OWNER = pwd.getpwnam("nobody")


class _Beside(Postfix):
    """The fragments in a Postfix whose other mail goes to virtual(8) and local(8)."""

    def _sandbox_parameters(self, transport: Path, mailboxes: Path) -> dict[str, str]:
        boxes = self.folder / "boxes"
        boxes.mkdir()
        boxes.chmod(0o1777)
        return super()._sandbox_parameters(transport, mailboxes) | {
            "smtpd_milters": "",
            "mydestination": _HOST,
            "mail_spool_directory": f"{boxes}/",
            "virtual_transport": "virtual",
            "virtual_mailbox_base": str(boxes),
            "virtual_mailbox_maps": f"inline:{{info@{world.COMPANY}=virtual/}}",
            "virtual_uid_maps": f"static:{_OWNER.pw_uid}",
            "virtual_gid_maps": f"static:{_OWNER.pw_gid}",
        }


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder that other users may pass through, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="postroom-beside-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into others' mailboxes")
def test_mail_of_other_mailboxes_is_delivered_beside_the_fragments(folder: Path) -> None:
    away = folder / "away"
    recipients = {"virtual": f"info@{world.COMPANY}", _OWNER.pw_name: f"{_OWNER.pw_name}@{_HOST}"}
    with _Beside(
        folder / "postfix",
        milter=away,
        lmtp=away,
        mailboxes=(f"orders@{world.COMPANY}",),
        sink_port=free_ports(1)[0],
    ) as postfix:
        with smtplib.SMTP(LOOPBACK, postfix.local_port, timeout=30) as client:
            client.sendmail("a@kunde.test", list(recipients.values()), "Subject: Hello\n\nHello\n")
        for box in recipients:
            new = postfix.folder / "boxes" / box / "new"
            wait_until(lambda new=new: any(new.glob("*")), 30, f"mail in {box}", postfix.tail)  # type: ignore[misc]
