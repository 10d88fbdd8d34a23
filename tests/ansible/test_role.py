"""The Ansible collection as text: variables against their specification, Postfix against ours."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.mailroom import ansible_environment
from tests.sandbox.postfix import ROOT, parameters_of

ROLES = ROOT / "ansible" / "roles"
_BIN = Path(sys.executable).parent

needs_lint = pytest.mark.skipif(
    shutil.which("ansible-lint", path=str(_BIN)) is None, reason="ansible-lint is not installed"
)


def _of(role: str, path: str) -> Any:
    return yaml.safe_load((ROLES / role / path).read_text(encoding="utf-8"))


@needs_lint
@pytest.mark.slow
def test_the_collection_holds_to_the_production_profile(tmp_path: Path) -> None:
    environment = ansible_environment(tmp_path)
    place = tmp_path / "collections/ansible_collections/postroom/mailroom"
    done = subprocess.run(
        [str(_BIN / "ansible-lint"), "--profile", "production", "--offline", "--nocolor"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=place,
        env=environment | {"PWD": str(place)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("role", ["postroom", "mail_host"])
def test_every_variable_is_specified_and_every_default_agrees(role: str) -> None:
    options = _of(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = _of(role, "defaults/main.yml")
    assert {name for name, option in options.items() if not option.get("required")} == set(defaults)
    for name, value in defaults.items():
        assert options[name]["default"] == value, name
        assert name.startswith(f"{role}_")


def test_postrooms_parameters_are_those_of_the_fragment() -> None:
    wanted = parameters_of((ROOT / "postfix/main.cf.fragment").read_text(encoding="utf-8"))
    given = _of("postroom", "vars/main.yml")
    ours = given["postroom_postfix_first"] | given["postroom_postfix_parameters"]
    parameters = {
        name: value.replace("{{ postroom_run }}", "/run/postroom") for name, value in ours.items()
    }
    assert parameters == wanted
    (line,) = _services("master.cf.fragment")
    assert given["postroom_master_line"] == line


def test_the_hosts_parameters_are_those_of_the_fragment() -> None:
    wanted = parameters_of((ROOT / "postfix/mail_host.cf.fragment").read_text(encoding="utf-8"))
    given = _of("mail_host", "vars/main.yml")
    assert set(given["mail_host_postfix"]) == set(wanted)
    for name, value in given["mail_host_postfix"].items():
        assert "{{" in value or value == wanted[name], name
    _smtp, submission = _services("submission.cf.fragment")
    said = given["mail_host_submission_line"].replace(
        "{{ 'none' if mail_host_tls == 'none' else 'encrypt' }}", "encrypt"
    )
    assert said.replace("{{ mail_host_submission }}", "submission") == submission


def _services(fragment: str) -> list[str]:
    """The services of a master.cf, one line each, with single blanks."""
    rows = (ROOT / "postfix" / fragment).read_text(encoding="utf-8").splitlines()
    services: list[str] = []
    for row in rows:
        if row.startswith(" "):
            services[-1] += " " + " ".join(row.split())
        elif row and not row.startswith("#"):
            services.append(" ".join(row.split()))
    return services
