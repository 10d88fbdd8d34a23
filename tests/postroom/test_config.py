"""The configuration: defaults, overrides, and a mend for every mistake."""

import json
from pathlib import Path

import pytest

from postroom.config import CategoryRow, Config, ConfigError, load, name_server


def _load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "postroom.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, "") == Config()


def test_keys_of_a_category_are_laid_over_the_row_shipped_and_the_others_stay(
    tmp_path: Path,
) -> None:
    config = _load(
        tmp_path,
        '[categories.invoice]\nfolder = "Bills"\n[categories.sales]\nsteps = []\n'
        '[categories.returns]\nfolder = "Returns"\n',
    )
    shipped = Config().categories
    changed = shipped["invoice"].model_copy(update={"folder": "Bills"})
    assert changed.steps == ("invoice-update",)
    assert config.categories == shipped | {
        "invoice": changed,
        "sales": shipped["sales"].model_copy(update={"steps": ()}),
        "returns": CategoryRow(folder="Returns"),
    }


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        ("[milter]\nsoket = 'x'", "milter.soket", "check the spelling"),
        ("[milter]\nsocket = '/run/x'", "milter.socket", "unix:/path/to/socket"),
        ("[milter]\ntrusted_networks = ['10.0.0.300']", "trusted_networks.0", "192.0.2.0/24"),
        ("[service]\nmailboxes = ['info']", "service.mailboxes.0", "info@example.com"),
        *(
            (f"[service]\nmailboxes = [{written}]", "service.mailboxes.0", "info@example.com")
            for written in (
                "'info@example.com '",
                "' info@example.com'",
                "'Info <info@example.com>'",
                "'<info@example.com>'",
                "'mailto:info@example.com'",
                "'in fo@example.com'",
                "'info@exa mple.com'",
                "'info@example..com'",
                "'info@example.com.'",
                "'info@'",
                "'a@example.com,b@example.com'",
                '"in\\tfo@example.com"',
                "''",
            )
        ),
        ("[service]\nhostname = ''", "service.hostname", "example.com"),
        ("[service]\nhostname = 'mx_bad host'", "service.hostname", "example.com"),
        ("[service]\nhostname = 'mx.example.com:25'", "service.hostname", "example.com"),
        *(
            (f"[dns]\nresolver = ['{written}']", "dns.resolver.0", "[::1]:5353")
            for written in (
                "unbound:53",
                "unbound",
                "127.0.0.1:99999",
                "127.0.0.1:0",
                "127.0.0.1:dns",
                "",
                "127.0.0.1:",
                "[::1]:",
                "[::1",
                "192.0.2.300",
                "127.0.0.1 :53",
                "[::1]:65536",
            )
        ),
        ("[classification]\nthreshold = 1.5", "classification.threshold", "less than or equal"),
        ("[dns]\ndeadline = 60", "dns.deadline", "lower it"),
        ("[worker]\nlease = 5", "worker.lease", "raise it"),
        ("[mailbox]\nkind = 'lmtp'", "mailbox.lmtp", "unix:/path"),
        ("[categories]\ninvoice = 1", "categories.invoice", "dictionary"),
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
        *(
            (f"[authentication]\nexceptions = ['{written}']", "authentication.exceptions.0", mend)
            for written, mend in (
                ("", "example.com"),
                ("Bob Smith", "example.com"),
                ("Bob <bob@a.example>", "info@example.com"),
                ("@a.example", "info@example.com"),
                ("bob@", "info@example.com"),
                ("*.a.example", "example.com"),
            )
        ),
        (
            "[authentication]\ntrusted_sealers = ['https://a.example']",
            "authentication.trusted_sealers.0",
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


def test_domains_of_authors_and_sealers_are_kept_as_dns_writes_them(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "[authentication]\nexceptions = ['Почта.рф', 'Иван@почта.рф', 'a@B.example']\n"
        "trusted_sealers = ['Bücher.example.']\n",
    ).authentication
    name = "xn--80a1acny.xn--p1ai"
    assert config.exceptions == (name, f"иван@{name}", "a@b.example")
    assert config.trusted_sealers == ("xn--bcher-kva.example",)


def test_servers_and_databases_may_be_said_in_every_usual_form(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "[reply]\nsubmit = '[::1]:25'\n[metrics]\nlisten = ''\n[api]\nlisten = 'localhost:0'\n"
        "[store]\nurl = 'postgresql+psycopg:///postroom?host=/var/run/postgresql'\n",
    )
    assert (config.reply.submit, config.metrics.listen) == ("[::1]:25", "")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.0.2.7", ("192.0.2.7", 53)),
        ("192.0.2.7:5353", ("192.0.2.7", 5353)),
        ("2001:db8::7", ("2001:db8::7", 53)),
        ("[2001:db8::7]", ("2001:db8::7", 53)),
        ("[2001:db8::7]:65535", ("2001:db8::7", 65535)),
        ("localhost:53", ("127.0.0.1", 53)),
    ],
)
def test_a_name_server_is_an_address_with_or_without_a_port(
    tmp_path: Path, written: str, meant: tuple[str, int]
) -> None:
    config = _load(tmp_path, f"[dns]\nresolver = ['{written}']\n")
    assert [name_server(one) for one in config.dns.resolver] == [meant]


def test_names_of_every_script_are_mailboxes_and_hosts(tmp_path: Path) -> None:
    mailboxes = ["o'hara@example.com", "büro@bücher.example", '"our office"@example.com']
    config = _load(
        tmp_path, f"[service]\nhostname = 'MX.bücher.example'\nmailboxes = {json.dumps(mailboxes)}"
    )
    assert config.service.hostname == "mx.xn--bcher-kva.example"
    assert list(config.service.mailboxes) == mailboxes


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
