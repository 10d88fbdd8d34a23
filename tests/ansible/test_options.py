"""What a site says in postroom_options and postroom_settings, in the file that Postroom reads."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from postroom.config import ConfigError, load
from tests.ansible.mailroom import played
from tests.sandbox.postfix import ROOT

ROLE = ROOT / "ansible" / "roles" / "postroom"
_SITE = {
    "postroom_hostname": "mx.example.com",
    "postroom_mailboxes": ["info@example.com"],
    "postroom_company": 'Söhne & "Töchter" 😀',
    "postroom_erp_url": "https://erp.example.com",
    "postroom_erp_token": "secret",
}

pytestmark = pytest.mark.slow


def test_an_option_is_in_the_one_table_that_the_role_writes(tmp_path: Path) -> None:
    options = {"lmtp": {"deadline": 90}, "erp": {"timeout": 15.5}, "worker": {"lease": 120}}
    written = _written(tmp_path, postroom_options=options)
    assert written.count("[lmtp]") == 1
    config = load(tmp_path / "postroom.toml")
    assert (config.lmtp.deadline, config.erp.timeout, config.worker.lease) == (90, 15.5, 120)
    assert config.lmtp.socket == "unix:/run/postroom/lmtp.sock"
    assert config.erp.base_url == "https://erp.example.com"
    assert config.erp.token_file == Path("/run/credentials/postroom.service/erp.token")
    assert config.reply.company == _SITE["postroom_company"]


def test_the_sites_word_wins_over_the_roles(tmp_path: Path) -> None:
    options = {"metrics": {"listen": ""}, "milter": {"trusted_networks": ["192.0.2.0/24"]}}
    _written(tmp_path, postroom_options=options)
    config = load(tmp_path / "postroom.toml")
    assert config.metrics.listen == ""
    assert config.milter.trusted_networks == ("192.0.2.0/24",)


def test_tables_may_stand_in_tables_and_toml_may_follow(tmp_path: Path) -> None:
    options = {
        "categories": {"invoice": {"folder": "Bills"}},
        "policy": {"dry_run": True, "domains": {"example.org": {"spf_fail": "reject"}}},
    }
    more = '[reply.sensitive]\nlaw = ["anwalt"]\n'
    _written(tmp_path, postroom_options=options, postroom_settings=more)
    config = load(tmp_path / "postroom.toml")
    assert config.categories["invoice"].folder == "Bills"
    assert config.categories["invoice"].steps == ("invoice-update",)
    assert config.policy.dry_run
    assert config.policy.domains["example.org"].spf_fail == "reject"
    assert config.reply.sensitive["law"] == ("anwalt",)


def test_a_second_run_with_options_in_another_order_changes_nothing(tmp_path: Path) -> None:
    one = {"lmtp": {"deadline": 90, "poison_after": 4}, "api": {"listen": "127.0.0.1:8025"}}
    other = {"api": {"listen": "127.0.0.1:8025"}, "lmtp": {"poison_after": 4, "deadline": 90}}
    assert "changed=1" in _played(tmp_path, {"postroom_options": one})
    assert "changed=0" in _played(tmp_path, {"postroom_options": other})


def test_without_options_the_file_has_what_the_roles_variables_say(tmp_path: Path) -> None:
    tables = tomllib.loads(_written(tmp_path, postroom_canary_mailbox="canary@example.com"))
    assert list(tables) == sorted(tables)
    assert tables["service"]["mailboxes"] == ["info@example.com", "canary@example.com"]
    assert tables["canary"] == {"mailbox": "canary@example.com", "interval": 300}
    load(tmp_path / "postroom.toml")


@pytest.mark.parametrize(("said", "seconds"), [("90s", 90), ("30min", 1800), ("2h", 7200)])
def test_the_alert_hears_of_the_canarys_interval(tmp_path: Path, said: str, seconds: int) -> None:
    _written(tmp_path, postroom_canary_mailbox=_SITE["postroom_mailboxes"][0], postroom_canary=said)
    assert load(tmp_path / "postroom.toml").canary.interval == seconds


def test_an_erp_may_be_all_options_or_all_toml(tmp_path: Path) -> None:
    url = "https://erp.example.com"
    for said in (
        {"postroom_options": {"erp": {"kind": "erpnext", "base_url": url}}},
        {"postroom_settings": f'[erp]\nkind = "erpnext"\nbase_url = "{url}"\n'},
    ):
        _written(tmp_path, postroom_erp_url="", **said)
        erp = load(tmp_path / "postroom.toml").erp
        assert (erp.kind, erp.base_url) == ("erpnext", url)
        assert bool(erp.token_file) == ("postroom_options" in said)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"postroom_options": {"lmtp": {"deadline": None}}},
            "lmtp.deadline is neither text, number, true, false nor a list of these; mend it",
        ),
        (
            {"postroom_options": {"policy": {"domains": {"example.org": [{"subdomains": True}]}}}},
            "policy.domains.example.org is neither",
        ),
        ({"postroom_options": {"lmtp": None}}, "postroom_options: lmtp is no table; write"),
        ({"postroom_options": {"lmtp.deadline": 90}}, "lmtp.deadline is no table; write"),
        (
            {"postroom_settings": "[api]\nlisten = ''\n[lmtp]\ndeadline = 90\n"},
            "postroom_settings has a table [lmtp]",
        ),
        (
            {"postroom_settings": "[worker]\nlease = 600\n"},
            "move its keys into postroom_options, below worker",
        ),
    ],
)
def test_what_cannot_be_is_named_with_its_mend(
    tmp_path: Path, variables: dict[str, Any], told: str
) -> None:
    assert told in _played(tmp_path, variables, fails=True)
    assert not (tmp_path / "postroom.toml").exists()


def test_a_wrong_key_is_left_to_postroom_to_name(tmp_path: Path) -> None:
    _written(tmp_path, postroom_options={"lmtp": {"dedline": 90}})
    with pytest.raises(ConfigError, match=r"lmtp\.dedline: no such key"):
        load(tmp_path / "postroom.toml")


def _written(folder: Path, **variables: Any) -> str:
    _played(folder, variables)
    return (folder / "postroom.toml").read_text(encoding="utf-8")


def _played(folder: Path, variables: dict[str, Any], *, fails: bool = False) -> str:
    """Writes the configuration into a folder as the role does; what Ansible printed."""
    task = {"src": str(ROLE / "templates/postroom.toml.j2"), "dest": str(folder / "postroom.toml")}
    play = {
        "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
        "tasks": [{"ansible.builtin.template": task}],
    }
    return played(folder, play, _SITE | variables, fails=fails)
