"""Both images as they are built: a mail's way through them, a stop, another container on the state.

Runs only when asked for, with the images there:

    podman build --format docker -f packaging/docker/Dockerfile -t postroom .
    podman build --format docker -f packaging/docker/postfix/Dockerfile -t postroom-postfix .
    POSTROOM_TEST_IMAGES=1 scripts/test tests/packaging/test_images.py

The containers have what compose.yaml gives them: configuration, user, read-only root, no
capabilities. Unlike there they share one network, which is the test's own, and the state is SQLite.

Limits: root only; no PostgreSQL, no Redis, no network of an engine's making.
"""

import contextlib
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.ansible.network import Network
from tests.fakes.dns import DnsServer
from tests.sandbox import world
from tests.sandbox.erp import Erp
from tests.sandbox.mails import Expected, Mail, Writer
from tests.sandbox.postfix import LOOPBACK, ROOT
from tests.sandbox.smtp_client import send
from tests.sandbox.waiting import wait_until

_PACKAGING = ROOT / "packaging"
_COMPOSED = yaml.safe_load((_PACKAGING / "compose.yaml").read_text(encoding="utf-8"))["services"]
_CUSTOMER, _RESOLVER = "192.0.2.13", "127.0.0.53"
_MAILBOX = "info@example.com"
_STATE = "/var/lib/postroom"


def _missing() -> str:
    if not os.environ.get("POSTROOM_TEST_IMAGES"):
        return "POSTROOM_TEST_IMAGES is not set"
    if os.geteuid() != 0:
        return "only root may make a network of its own"
    if shutil.which("podman") is None:
        return "podman is not installed"
    for image in ("postroom", "postroom-postfix"):
        there = subprocess.run(["podman", "image", "exists", f"localhost/{image}"], check=False)
        if there.returncode:
            return f"there is no image localhost/{image}; build it as told above"
    return ""


pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing := _missing()), reason=missing),
]


class _Room:
    """Postroom and Postfix in a container each, on a network that has a DNS, an ERP, a customer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = uuid.uuid4().hex[:8]
        self.postroom, self.postfix = f"postroom-{self._mark}", f"postfix-{self._mark}"
        self.keys = world.Keys()

    def __enter__(self) -> "_Room":
        with contextlib.ExitStack() as stack:
            stack.enter_context(stack.enter_context(Network()).inside())
            _run("ip", "address", "add", f"{_CUSTOMER}/32", "dev", "lo")
            stack.enter_context(DnsServer(world.records(self.keys), listen=(_RESOLVER, 53)))
            self.erp = stack.enter_context(Erp(self._folder))
            self._write()
            stack.callback(self._remove)
            self.start_postroom()
            self._start_postfix()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_postroom(self) -> None:
        """A new container on the state that there is; returns when its health is good."""
        told = _COMPOSED["postroom"]
        self._podman(
            *("run", "--detach", "--name", self.postroom, "--cap-drop", *told["cap_drop"]),
            *("--security-opt", "no-new-privileges"),
            *(f"--read-only={told['read_only']}", "--read-only-tmpfs=false"),
            *(f"--tmpfs={one}" for one in told["tmpfs"]),
            f"--volume={self._folder / 'postroom.toml'}:/etc/postroom/postroom.toml:ro",
            f"--volume={self._folder / 'erp_token'}:/run/secrets/erp_token:ro",
            f"--volume={self.postroom}:{_STATE}",
            *self._everywhere(),
            "localhost/postroom",
        )
        wait_until(self.is_healthy, 120, "good health", self.journal, every_s=0.5)

    def is_healthy(self) -> bool:
        """What the image's own check says now."""
        done = self._podman("healthcheck", "run", self.postroom, check=False)
        return done.returncode == 0

    def stop_postroom(self) -> int:
        """SIGTERM, and the exit status; the container goes, its state stays."""
        grace = _COMPOSED["postroom"]["stop_grace_period"].removesuffix("s")
        self._podman("stop", "--time", grace, self.postroom)
        status = self._podman("inspect", "--format", "{{.State.ExitCode}}", self.postroom).stdout
        self._podman("rm", self.postroom)
        return int(status)

    def inside(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command in Postroom's container, as its user."""
        return self._podman("exec", self.postroom, *command, check=check)

    def in_postfix(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command in Postfix's container, as root."""
        return self._podman("exec", self.postfix, *command)

    def journal(self) -> str:
        """The end of what both say."""
        return "".join(
            done.stdout + done.stderr
            for name in (self.postroom, self.postfix)
            for done in [self._podman("logs", "--tail", "40", name, check=False)]
        )

    def _start_postfix(self) -> None:
        environment: dict[str, str] = _COMPOSED["postfix"]["environment"]
        self._podman(
            *("run", "--detach", "--name", self.postfix),
            *(f"--env={name}={value}" for name, value in environment.items()),
            *self._everywhere(),
            "localhost/postroom-postfix",
        )

    def _everywhere(self) -> Iterator[str]:
        # Not host's of the machine, but that of the network this thread is in.
        yield "--network=host"
        yield f"--volume={self._folder / 'resolv.conf'}:/etc/resolv.conf:ro"
        yield from (f"--add-host={name}:{LOOPBACK}" for name in ("postroom", "postfix"))

    def _write(self) -> None:
        """The configuration of packaging/, with this network's ERP and without what is not here."""
        told = (_PACKAGING / "docker" / "postroom.toml").read_text(encoding="utf-8")
        for pattern, ours in (
            (r'^url = ".*"$', ""),
            (r'^base_url = ".*"$', f'base_url = "{self.erp.url}"'),
        ):
            told, changed = re.subn(pattern, ours, told, flags=re.MULTILINE)
            assert changed, pattern
        (self._folder / "postroom.toml").write_text(told, encoding="utf-8")
        token = self._folder / "erp_token"
        token.write_text(self.erp.token, encoding="utf-8")
        token.chmod(0o400)
        os.chown(token, 10001, 10001)
        (self._folder / "resolv.conf").write_text(f"nameserver {_RESOLVER}\n", encoding="utf-8")

    def _remove(self) -> None:
        for name in (self.postfix, self.postroom):
            self._podman("rm", "--force", "--volumes", "--time", "5", name, check=False)
        self._podman("volume", "rm", "--force", self.postroom, check=False)

    def _podman(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return _run("podman", *arguments, check=check)


def _run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Room]:
    with _Room(tmp_path_factory.mktemp("images")) as made:
        yield made


def test_a_mail_passes_both_images_into_maildir_and_erp(room: _Room) -> None:
    _order_arrives(room, 1)


def test_the_container_may_write_its_state_and_nothing_else(room: _Room) -> None:
    assert room.inside("id", "--user").stdout.strip() == "10001"
    for folder in (_STATE, "/tmp", "/run/postroom"):
        room.inside("touch", f"{folder}/probe")
    for folder in ("/", "/etc/postroom", "/opt/postroom"):
        assert room.inside("touch", f"{folder}/probe", check=False).returncode, folder


def test_what_the_timers_run_works_in_the_image(room: _Room) -> None:
    told = "".join(_COMPOSED["timers"]["command"])
    for command in re.findall(r"postroom ([a-z ]+[a-z])", told):
        room.inside("postroom", *command.split())


def test_mail_waits_for_a_container_whose_name_is_gone(room: _Room) -> None:
    away = f"away@{world.COMPANY}"
    transport = "/etc/postfix/postroom_transport"
    room.in_postfix("sh", "-c", f"echo '{away} postroom:inet:gone.{world.COMPANY}' >>{transport}")
    room.in_postfix("postfix", "reload")  # which is when a texthash is read
    room.in_postfix("sh", "-c", f"echo hello | sendmail -f {_MAILBOX} {away}")
    wait_until(lambda: f"to=<{away}>" in room.journal(), 30, "an attempt", room.journal)
    (attempt,) = [line for line in room.journal().splitlines() if f"to=<{away}>" in line][-1:]
    assert "dsn=4.4.4, status=deferred" in attempt


def test_a_stop_drains_and_the_next_container_goes_on_with_the_state(room: _Room) -> None:
    before = room.inside("postroom", "explain", "1").stdout
    assert room.stop_postroom() == 0
    room.start_postroom()
    assert room.inside("postroom", "explain", "1").stdout == before
    _order_arrives(room, 2)


def _order_arrives(room: _Room, number: int) -> None:
    order = f"NJ-22{number:02}"
    text = (
        f"Good morning,\n\nPlease supply the following against our purchase order {order}:\n\n"
        f"  1. HX-M8-30   Hex bolt M8x30 zinc plated     {200 + number} pcs   @ 0.12\n"
        f"  2. NY-M8      Nyloc nut M8 A2                {300 + number} pcs   @ 0.08\n\n"
        "Please confirm the order.\n\nKind regards\nJürgen Müller\n"
    )
    # Signed with DKIM, as the customer's address is in no SPF record.
    party = replace(world.BAU, address=_CUSTOMER)
    author = f"Jürgen Müller <einkauf@{party.domain}>"
    mail = Writer(room.keys, "images").mail(
        f"order-{number}", party, author, f"Purchase order {order}", text, Expected(), to=_MAILBOX
    )
    replies: list[str] = []
    wait_until(
        lambda: _is_taken(mail, replies),
        60,
        "Postfix to take the mail",
        lambda: f"{replies}\n{room.journal()}",
    )
    wait_until(
        lambda: order in [one["order_number"] for one in room.erp.listing("orders")],
        60,
        "the order to be in the ERP",
        room.journal,
    )
    found = ("grep", "-rlF", mail.message_id, f"{_STATE}/mail")
    wait_until(
        lambda: room.inside(*found, check=False).returncode == 0, 20, "the mail in the Maildir"
    )


def _is_taken(mail: Mail, replies: list[str]) -> bool:
    with contextlib.suppress(ConnectionRefusedError):
        replies.append(send(25, mail))
    return bool(replies) and replies[-1].startswith("250")
