"""The copy people read: its headers, its place, and that there is one of it."""

import asyncio
import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.config import Config, MailboxSection
from postroom.envelope import Envelope
from postroom.failure import PermanentFailure, Reply, TemporaryFailure
from postroom.lmtp.mailbox import copy, deliver
from postroom.lmtp.maildir import failure, folder_name, mailbox_name
from postroom.lmtp.onward import on_the_wire
from postroom.lmtp.session import Take
from tests.fakes.lmtp import Remembering, lmtp_config, serving

INFO = "info@example.test"
KEY = "0b6d6a6e-51a7-5d0c-9a4f-6f3c2d1e0f00"
RAW = b"Subject: x\r\n\r\nbody\r\n"
FRONT = (
    b"Return-Path: <a@sender.test>\r\n"
    b"Delivered-To: info@example.test\r\n"
    b"X-Postroom-Category: invoice; confidence=0.97\r\n"
    b"X-Postroom-Message: 17\r\n"
)


def facts(**changes: Any) -> dict[str, Any]:
    return {
        "recipient": INFO,
        "sender": "a@sender.test",
        "category": "invoice",
        "confidence": 0.9712,
        "message": 17,
    } | changes


async def _deliver(config: Config, raw: bytes = RAW, **changes: Any) -> str:
    wanted: dict[str, Any] = {
        "folder": "INBOX",
        "key": KEY,
        "repeated": False,
        **facts(**changes),
    }
    return await deliver(raw, config=config, **wanted)


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != "maildirfolder"
    }


def test_the_copy_has_our_headers_in_front_and_every_other_octet_as_received() -> None:
    assert copy(RAW, **facts()) == FRONT + RAW


COPIES = [
    # as received -> what stands behind our headers
    (b"", b""),
    (b"\r\nno header\r\n", b"\r\nno header\r\n"),
    (b"X-Postroom-Verdict: v=1;\r\n\tp=a;\r\n\tb=d\r\nA: 1\r\n\r\nb", b"A: 1\r\n\r\nb"),
    (b"Subject: x\r\nx-postroom-category: forged\r\n\r\nb\r\n", b"Subject: x\r\n\r\nb\r\n"),
    (b"A: 1\r\nX-POSTROOM-MESSAGE : 9\r\nB: 2\r\n\r\nb\r\n", b"A: 1\r\nB: 2\r\n\r\nb\r\n"),
    (b"Return-Path: <forged@x.test>\r\nA: 1\r\n\r\n", b"A: 1\r\n\r\n"),
    (b"A: 1\r\n\r\nX-Postroom-Verdict: body\r\n", b"A: 1\r\n\r\nX-Postroom-Verdict: body\r\n"),
    (b"A: \xff\xfe\x00\r\n\r\n\x00\n\r", b"A: \xff\xfe\x00\r\n\r\n\x00\n\r"),
    (b"\xef\xbb\xbfX-Postroom-Message: 9\r\nA: 1\r\n\r\n", b"\xef\xbb\xbfA: 1\r\n\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "rest"), COPIES)
def test_forged_fields_of_ours_are_removed_and_nothing_else(raw: bytes, rest: bytes) -> None:
    assert re.split(rb"X-Postroom-Message: 17\r?\n", copy(raw, **facts()), maxsplit=1)[1] == rest


def test_a_copy_with_lf_line_ends_stays_so() -> None:
    assert b"\r" not in copy(b"Subject: x\n\nbody\n", **facts())


def test_nothing_from_outside_can_add_a_header() -> None:
    nasty = "a\r\nX-Evil: 1\n\x00"
    front = copy(b"", **facts(sender=nasty, recipient=nasty, category=nasty))
    assert front.count(b"\n") == 4
    assert not re.search(rb"^X-Evil", front, re.MULTILINE)


def test_each_mailbox_and_folder_has_its_place(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)
    places = [
        asyncio.run(_deliver(config, recipient=recipient, folder=folder))
        for recipient, folder in [
            (INFO, "INBOX"),
            (INFO, "Orders"),
            ("Info+New@Example.test", "Orders/2026"),
            ("orders@example.test", "inbox/Заказы"),
        ]
    ]
    assert places == [
        f"{INFO}/{KEY}.postroom",
        f"{INFO}/.Orders/{KEY}.postroom",
        f"{INFO}/.Orders.2026/{KEY}.postroom",
        f"orders@example.test/.&BBcEMAQ6BDAENwRL-/{KEY}.postroom",
    ]
    root = config.maildir_root
    assert files(root)[f"{INFO}/.Orders/new/{KEY}.postroom"] == FRONT + RAW
    assert sorted(os.listdir(root / INFO / ".Orders")) == ["cur", "maildirfolder", "new", "tmp"]
    assert len(files(root)) == 4


@pytest.mark.parametrize("flags", ["", ":2,", ":2,S", ":2,FRST", ",S=120:2,S"])
def test_a_repeated_attempt_finds_its_own_file(tmp_path: Path, flags: str) -> None:
    config = lmtp_config(tmp_path)
    first = asyncio.run(_deliver(config))
    home = config.maildir_root / INFO
    if flags:  # a mail program has seen it
        (home / "new" / f"{KEY}.postroom").rename(home / "cur" / f"{KEY}.postroom{flags}")
    before = files(config.maildir_root)
    assert asyncio.run(_deliver(config, repeated=True)) == first
    assert files(config.maildir_root) == before


def test_a_first_attempt_costs_the_same_in_a_full_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lists no folder: there is nothing of its own to find."""
    config = lmtp_config(tmp_path)
    asyncio.run(_deliver(config, key=KEY.replace("0b", "0c")))
    for name in ("scandir", "listdir"):
        monkeypatch.delattr(os, name)
    asyncio.run(_deliver(config))
    monkeypatch.undo()
    assert len(files(config.maildir_root)) == 2


def test_an_attempt_that_died_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)
    home = config.maildir_root / INFO
    (home / "tmp").mkdir(parents=True)
    (home / "tmp" / f"{KEY}.postroom.99.abcd").write_bytes(b"half a me")
    (home / "tmp" / "somebody-elses").write_bytes(b"stays")
    asyncio.run(_deliver(config, repeated=True))
    assert files(home) == {f"new/{KEY}.postroom": FRONT + RAW, "tmp/somebody-elses": b"stays"}


def test_two_attempts_at_the_same_moment_make_one_file(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)

    async def both() -> None:
        done = await asyncio.gather(
            *(_deliver(config, repeated=True) for _ in range(8)), return_exceptions=True
        )
        # Who loses the race to a half-written file is told to come again.
        assert any(isinstance(one, str) for one in done)
        assert all(isinstance(one, str | TemporaryFailure) for one in done)

    asyncio.run(both())
    assert list(files(config.maildir_root)) == [f"{INFO}/new/{KEY}.postroom"]


def test_another_action_makes_another_file(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)
    asyncio.run(_deliver(config))
    asyncio.run(_deliver(config, key=KEY.replace("0b", "0c")))
    assert len(files(config.maildir_root)) == 2


def test_a_maildir_that_cannot_be_written_is_a_temporary_failure(tmp_path: Path) -> None:
    config = lmtp_config(tmp_path)
    config.maildir_root.write_text("a file where the root should be")
    with pytest.raises(TemporaryFailure) as caught:
        asyncio.run(_deliver(config))
    assert caught.value.reason == "mailbox"


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "storage-full"), (errno.EDQUOT, "storage-full"), (errno.EACCES, "mailbox")],
)
def test_a_full_disk_has_its_own_reason(number: int, reason: str) -> None:
    assert failure(OSError(number, os.strerror(number))).reason == reason


NAMES = [
    ("Info@Example.test", "info@example.test"),
    ("../../etc/passwd", "%2e./".replace("/", "%2f") + "..%2fetc%2fpasswd"),
    (".hidden@x.test", "%2ehidden@x.test"),
    ("a/b@x.test", "a%2fb@x.test"),
    ("a%2fb@x.test", "a%252fb@x.test"),
    ("почта@x.test", "%d0%bf%d0%be%d1%87%d1%82%d0%b0@x.test"),
    ("", "%"),
]


@pytest.mark.parametrize(("mailbox", "name"), NAMES)
def test_a_mailbox_is_one_safe_name(mailbox: str, name: str) -> None:
    assert mailbox_name(mailbox) == name


@settings(max_examples=50)
@given(st.text(max_size=400))
def test_no_name_leaves_its_folder(name: str) -> None:
    for made in (mailbox_name(name), folder_name(name)):
        assert "/" not in made and "\x00" not in made
        assert made not in (".", "..")
        assert len(made.encode()) <= 255


@given(st.lists(st.text(max_size=20), min_size=2, max_size=2, unique_by=str.lower))
def test_two_mailboxes_never_share_a_place(names: list[str]) -> None:
    one, other = (name.lower().encode("utf-8", "replace") for name in names)
    if one != other:
        assert mailbox_name(names[0]) != mailbox_name(names[1])


FOLDERS = [
    ("INBOX", ""),
    ("inbox", ""),
    ("", ""),
    ("/", ""),
    ("Orders", ".Orders"),
    ("Orders/2026", ".Orders.2026"),
    ("INBOX/Orders", ".Orders"),
    ("a.b", ".a_b"),
    ("../..", ".__.__"),
    ("R&D", ".R&-D"),
    ("Заказы", ".&BBcEMAQ6BDAENwRL-"),
    ("~peter/mail/台北", ".~peter.mail.&U,BTFw-"),  # RFC 3501 5.1.3
]


@pytest.mark.parametrize(("folder", "name"), FOLDERS)
def test_a_folder_is_named_as_maildir_plus_plus_has_it(folder: str, name: str) -> None:
    assert folder_name(folder) == name


# Onward to another LMTP server: ours plays the other part.


def onward_config(folder: Path) -> tuple[Config, Config]:
    """Our configuration, and that of the server behind us."""
    (folder / "next").mkdir()
    next_config = lmtp_config(folder / "next")
    mailbox = MailboxSection(kind="lmtp", lmtp=next_config.lmtp.socket)
    return lmtp_config(folder).model_copy(update={"mailbox": mailbox}), next_config


async def hand_on(folder: Path, take: Take, raw: bytes = RAW, **changes: Any) -> str:
    config, next_config = onward_config(folder)
    async with serving(next_config, take):
        return await _deliver(config, raw, **changes)


def test_the_next_server_gets_the_copy(tmp_path: Path) -> None:
    take = Remembering()
    raw = b"Subject: \xd1\x82\r\n\r\n.dots\r\n..\r\n.\r\nno line end"
    assert asyncio.run(hand_on(tmp_path, take, raw)) == "250 2.0.0 Taken as 1"
    envelope, copied = take.taken[0]
    assert envelope == Envelope(sender="a@sender.test", recipients=(INFO,))
    assert copied == FRONT + raw + b"\r\n"


def test_addresses_in_utf_8_go_on_where_the_next_server_takes_them(tmp_path: Path) -> None:
    take = Remembering()
    asyncio.run(hand_on(tmp_path, take, sender="почта@пример.test"))
    assert take.taken[0][0].sender == "почта@пример.test"


@pytest.mark.parametrize(
    ("please", "kind", "reason"),
    [
        (b"please: full", TemporaryFailure, "mailbox-deferred"),
        (b"please: bug", TemporaryFailure, "mailbox-deferred"),
        (b"please: too large", PermanentFailure, "mailbox-refused"),
    ],
)
def test_a_refusal_keeps_its_kind(
    tmp_path: Path, please: bytes, kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind) as caught:
        asyncio.run(hand_on(tmp_path, Remembering(), please))
    assert isinstance(caught.value, TemporaryFailure | PermanentFailure)
    assert caught.value.reason == reason


def test_a_recipient_the_next_server_does_not_know_is_permanent(tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure):
        asyncio.run(hand_on(tmp_path, Remembering(), recipient="nobody@example.test"))


def test_a_server_that_is_not_there_is_temporary(tmp_path: Path) -> None:
    config, _ = onward_config(tmp_path)
    with pytest.raises(TemporaryFailure) as caught:
        asyncio.run(_deliver(config))
    assert caught.value.reason == "mailbox-unreachable"


def test_a_server_that_hangs_up_before_its_reply_is_temporary(tmp_path: Path) -> None:
    async def vanish(_envelope: Envelope, _raw: bytes) -> tuple[Reply, ...]:
        raise asyncio.CancelledError

    with pytest.raises(TemporaryFailure) as caught:
        asyncio.run(hand_on(tmp_path, vanish))
    assert caught.value.reason == "mailbox-unreachable"


WIRE = [
    (b"", b"\r\n.\r\n"),
    (b"a", b"a\r\n.\r\n"),
    (b"a\r\n", b"a\r\n.\r\n"),
    (b".\r\n", b"..\r\n.\r\n"),
    (b"a\n.\nMAIL FROM:<evil>\n", b"a\r\n..\r\nMAIL FROM:<evil>\r\n.\r\n"),
    (b"a\r.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\r\r\n.b", b"a\r\n\r\n..b\r\n.\r\n"),
]


@pytest.mark.parametrize(("content", "octets"), WIRE)
def test_nothing_we_send_on_can_end_the_message_early(content: bytes, octets: bytes) -> None:
    assert on_the_wire(content) == octets
