"""What a URL shows of itself."""

import pytest

from postroom.masking import all_masked, masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://anna:geheim@erp.test/api", "https://anna:***@erp.test/api"),
        ("https://anna:ge@heim@erp.test", "https://anna:***@erp.test"),
        ("https://:geheim@erp.test", "https://:***@erp.test"),
        ("https://geheim@erp.test/hook", "https://***@erp.test/hook"),
        ("postgresql+psycopg://room:ge/he?im@db:5432/n", "postgresql+psycopg://room:***@db:5432/n"),
        ("redis://:geheim@h:6379/0", "redis://:***@h:6379/0"),
        ("redis://h/0?password=geheim&db=1", "redis://h/0?password=***&db=1"),
        ("postgresql+psycopg:///n?user=a&PGPASSWORD=geheim", None),
        ("https://h/x?api_key=geheim#part", "https://h/x?api_key=***#part"),
    ],
)
def test_a_secret_is_hidden_and_the_rest_is_shown(url: str, shown: str | None) -> None:
    assert "geheim" not in masked(url) and "heim" not in masked(url)
    assert shown is None or masked(url) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://erp.test:8443/a@b?user=anna", "postgresql+psycopg://room@db/n", "unix:///run/r?db=1",
        "sqlite:////var/a:b@c/postroom.sqlite", "redis://h:6379", "unix:/run/postroom/lmtp.sock",
        "info@firma.test", "http://[::1]:8069/a@b", "password=x", "",
    ],
)  # fmt: skip
def test_what_holds_no_secret_is_shown_whole(text: str) -> None:
    assert masked(text) == text


def test_every_text_of_a_configuration_is_looked_at() -> None:
    url = "https://a:geheim@h"
    shown = all_masked({"a": {"b": [url, 1, None]}, "c": True, "d": (url,)})
    assert shown == {"a": {"b": ["https://a:***@h", 1, None]}, "c": True, "d": ["https://a:***@h"]}
