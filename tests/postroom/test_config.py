"""The configuration: defaults, overrides, and a mend for every mistake."""

from pathlib import Path

import pytest

from postroom.config import Config, ConfigError, load


def _load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "postroom.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, "") == Config()


def test_a_category_table_replaces_the_default_row_and_keeps_the_others(tmp_path: Path) -> None:
    config = _load(tmp_path, '[categories.invoice]\nfolder = "Bills"\n')
    assert config.categories["invoice"].folder == "Bills"
    assert config.categories["invoice"].steps == ()
    assert config.categories["support"] == Config().categories["support"]


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        ("[milter]\nsoket = 'x'", "milter.soket", "check the spelling"),
        ("[milter]\nsocket = '/run/x'", "milter.socket", "unix:/path/to/socket"),
        ("[milter]\ntrusted_networks = ['10.0.0.300']", "trusted_networks.0", "192.0.2.0/24"),
        ("[service]\nmailboxes = ['info']", "service.mailboxes.0", "info@example.com"),
        ("[classification]\nthreshold = 1.5", "classification.threshold", "less than or equal"),
        ("[dns]\ndeadline = 60", "dns.deadline", "lower it"),
        ("[worker]\nlease = 5", "worker.lease", "raise it"),
        ("[mailbox]\nkind = 'lmtp'", "mailbox.lmtp", "unix:/path"),
        ("[categories.x]\nsteps = ['reply']", "categories.x.template", "needed"),
        ("[categories.x]\nsteps = ['ticket-create']", "categories.x.ticket_kind", "needed"),
        ("[erp]\nbase_url = 'erp.example'", "erp.base_url", "pattern"),
        (
            "[policy.domains.'a.example']\nspf = 'reject'",
            "policy.domains.a.example.spf",
            "spelling",
        ),
        ("[policy.domains.'a b']\nspf_fail = 'reject'", "policy.domains.a b", "like example.com"),
        ("[policy.domains.'xn--a']\nspf_fail = 'drop'", "policy.domains.xn--a", "'reject'"),
        (
            "[policy.allow]\ndomains = ['https://x.example']",
            "policy.allow.domains.0",
            "example.com",
        ),
        ("[policy.allow]\nnetworks = ['10/8']", "policy.allow.networks.0", "192.0.2.0/24"),
        ("[store]\nurl = 'postgres://u:geheim@h/n'", "store.url", "postgresql+psycopg://"),
        ("[store]\nurl = 'postgresql://u:geheim@h/n'", "store.url", "postgresql+psycopg://"),
        ("[store]\nurl = 'postroom.sqlite'", "store.url", "sqlite:////PATH"),
        ("[reply]\nsubmit = 'localhost'", "reply.submit", "127.0.0.1:25"),
        ("[dmarc_reports]\nsubmit = ''", "dmarc_reports.submit", "127.0.0.1:25"),
        ("[metrics]\nlisten = 'localhost'", "metrics.listen", "HOST:PORT"),
        ("[api]\nlisten = '127.0.0.1:99999'", "api.listen", "HOST:PORT"),
        ("[erp]\nlisten = ':1'", "erp.listen", "HOST:PORT"),
        ("[lmtp]\nsocket = 'inet:127.0.0.1:99999'", "lmtp.socket", "inet:HOST:PORT"),
        ("x = [", "TOML", ""),
    ],
)
def test_a_wrong_key_is_named_with_its_mend(tmp_path: Path, text: str, key: str, mend: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert key in str(caught.value)
    assert mend in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_servers_and_databases_may_be_said_in_every_usual_form(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "[reply]\nsubmit = '[::1]:25'\n[metrics]\nlisten = ''\n[api]\nlisten = 'localhost:0'\n"
        "[store]\nurl = 'postgresql+psycopg:///postroom?host=/var/run/postgresql'\n",
    )
    assert (config.reply.submit, config.metrics.listen) == ("[::1]:25", "")


def test_a_file_in_another_encoding_is_told_with_its_mend(tmp_path: Path) -> None:
    path = tmp_path / "postroom.toml"
    path.write_bytes('[reply]\ncompany = "Müller"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"not UTF-8 \(octet 20\); save it as UTF-8"):
        load(path)


def test_all_wrong_keys_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, "[lmtp]\na = 1\nb = 2\n[store]\nc = 3\n")
    assert len(caught.value.problems) == 3


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config"):
        load(tmp_path / "absent.toml")
