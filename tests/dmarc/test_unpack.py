"""Containers: gzip, zip, XML; what they are the octets say, and a bomb costs little."""

import gzip
import time
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.dmarc.unpack import documents, is_container
from postroom.failure import PermanentFailure
from tests.fakes.reports import report, zipped

XML = report()


@pytest.mark.parametrize(
    "content",
    [
        XML,
        b"\xef\xbb\xbf" + XML,
        b"\n \r\n" + XML,
        gzip.compress(XML),
        gzip.compress(XML) + b"trailing",
        gzip.compress(XML[:50]) + gzip.compress(XML[50:]),
        gzip.compress(gzip.compress(XML)),
        zipped(XML),
        zipped(XML, method=zipfile.ZIP_STORED),
        zipped(XML, method=zipfile.ZIP_BZIP2),
        zipped(gzip.compress(XML)),
        zipped(b"read me", XML),
        XML.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        b"<!-- x --><feedback/>",
        b"<ns1:feedback xmlns:ns1='x'/>",
    ],
)
def test_a_report_is_found_in_what_it_comes_in(content: bytes) -> None:
    assert is_container(content)
    (found,) = documents(content)
    assert b"feedback" in found.replace(b"\0", b"")


def test_several_reports_of_one_archive_are_found_in_order() -> None:
    files = [report(report_id=f"r{number}") for number in range(3)]
    assert documents(zipped(*files)) == files


@pytest.mark.parametrize("content", [b"", b"hello", b"<html></html>", b"%PDF-1.4", b"PK", b"\x1f"])
def test_other_things_are_left_alone(content: bytes) -> None:
    assert not is_container(content)
    assert documents(content) == []


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(XML)[:-20],
        gzip.compress(XML)[:30] + b"\xff" * 30,
        zipped(XML)[:-30],
        zipped(XML)[:60] + b"\xff" * 60,
        b"PK\x03\x04" + b"\0" * 100,
        b"\x1f\x8b" + b"\0" * 100,
    ],
)
def test_a_broken_container_is_refused(content: bytes) -> None:
    with pytest.raises(PermanentFailure, match="report-unreadable"):
        documents(content)


def encrypted() -> bytes:
    octets = bytearray(zipped(XML))
    octets[6] |= 1  # general purpose bit 0, in the file's header and in the directory
    octets[octets.index(b"PK\x01\x02") + 8] |= 1
    return bytes(octets)


def test_an_encrypted_archive_is_refused() -> None:
    with pytest.raises(PermanentFailure, match="report-unreadable"):
        documents(encrypted())


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(b"\0" * 200_000_000, 9),
    "gzip of gzip": lambda: gzip.compress(gzip.compress(b"\0" * 100_000_000, 9), 9),
    "many members": lambda: gzip.compress(b" " * 1_000_000, 9) * 100,
    "zip": lambda: zipped(b"\0" * 100_000_000),
    "zip of many": lambda: zipped(*[b"\0" * 5_000_000] * 15),
    "zip of gzip": lambda: zipped(*[gzip.compress(b"\0" * 50_000_000, 9)] * 5),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_bomb_is_refused_before_it_has_unfolded(name: str) -> None:
    bomb = BOMBS[name]()
    started = time.process_time()
    with pytest.raises(PermanentFailure, match="report-too-large"):
        documents(bomb)
    assert time.process_time() - started < 2.0


def test_the_limit_is_for_everything_together() -> None:
    assert len(documents(zipped(XML, XML), most=2 * len(XML))) == 2
    with pytest.raises(PermanentFailure, match="report-too-large"):
        documents(zipped(XML, XML), most=2 * len(XML) - 1)


@given(st.binary(max_size=60), st.integers(0, 400), st.sampled_from(["gzip", "zip"]))
@settings(max_examples=200, deadline=None)
def test_any_octets_are_unpacked_or_refused(junk: bytes, where: int, kind: str) -> None:
    whole = gzip.compress(XML, mtime=0) if kind == "gzip" else zipped(XML)
    for hostile in (junk, whole[:where] + junk + whole[where + len(junk) :], whole[:4] + junk):
        try:
            documents(hostile)
        except PermanentFailure as failure:
            assert failure.reason in ("report-unreadable", "report-too-large")


def test_a_deflate_stream_that_never_ends_is_refused() -> None:
    stream = zlib.compressobj(9, wbits=31)
    endless = stream.compress(XML) + stream.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(PermanentFailure, match="report-unreadable"):
        documents(endless)
