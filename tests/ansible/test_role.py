"""The Ansible role: its syntax, its variables, and `configure` for real, twice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from postroom.config import load

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "ansible" / "roles" / "postroom"
PLAYBOOK = shutil.which("ansible-playbook", path=str(Path(sys.executable).parent))

needs_ansible = pytest.mark.skipif(PLAYBOOK is None, reason="ansible-core is not installed")


def _play(folder: Path, *arguments: str) -> str:
    """Runs the role on this machine with everything below `folder`; what Ansible printed."""
    (folder / "venv" / "bin").mkdir(parents=True, exist_ok=True)
    program = folder / "venv" / "bin" / "postroom"
    program.unlink(missing_ok=True)
    program.symlink_to(Path(sys.executable).parent / "postroom")
    variables = {
        "postroom_package": "postroom",
        "postroom_hostname": "mx.company.test",
        "postroom_mailboxes": ["info@company.test"],
        "postroom_erp_url": "https://erp.company.test",
        "postroom_erp_token": "a secret",
        "postroom_company": 'Company "Ltd"',
        "postroom_settings": "[classification]\nthreshold = 0.9",
        "postroom_etc": str(folder / "etc"),
        "postroom_state": str(folder / "state"),
        "postroom_run": str(folder / "run"),
        "postroom_venv": str(folder / "venv"),
        "postroom_user": "root",
        "postroom_systemd": False,
    }
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False,
             "vars": variables, "roles": [{"role": str(ROLE)}]}]  # fmt: skip
    (folder / "play.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    done = subprocess.run(
        [str(PLAYBOOK), "-i", "localhost,", str(folder / "play.yml"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_LOCALHOST_WARNING": "False",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_ansible
@pytest.mark.slow
def test_the_syntax_holds(tmp_path: Path) -> None:
    assert "playbook:" in _play(tmp_path, "--syntax-check")


@needs_ansible
@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to a user")
def test_configure_writes_what_postroom_reads_and_changes_nothing_the_second_time(
    tmp_path: Path,
) -> None:
    first = _play(tmp_path, "--tags", "configure")
    config = load(tmp_path / "etc" / "postroom.toml")
    assert config.service.mailboxes == ("info@company.test",)
    assert config.reply.company == 'Company "Ltd"'
    assert config.erp.token_file == tmp_path / "etc" / "erp.token"
    assert config.classification.threshold == 0.9
    token = tmp_path / "etc" / "erp.token"
    assert token.stat().st_mode & 0o777 == 0o400
    assert "a secret" not in first
    assert "changed=0" in _play(tmp_path, "--tags", "configure")


def test_every_variable_is_specified_and_every_default_agrees() -> None:
    specified = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8"))
    options = specified["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    assert {name for name, option in options.items() if not option.get("required")} == set(defaults)
    for name, value in defaults.items():
        assert options[name]["default"] == value, name


def test_postfix_parameters_are_those_of_the_fragment() -> None:
    fragment = (ROOT / "postfix" / "main.cf.fragment").read_text(encoding="utf-8")
    wanted = dict(
        (name.strip(), value.strip())
        for name, found, value in (line.partition("=") for line in fragment.splitlines())
        if found and not name.startswith("#")
    )
    given = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))
    parameters = {
        one["name"]: one["value"].replace("{{ postroom_run }}", "/run/postroom")
        for one in given["postroom_postfix_parameters"]
    }
    assert parameters == wanted
    master = (ROOT / "postfix" / "master.cf.fragment").read_text(encoding="utf-8")
    line = " ".join(
        word for row in master.splitlines() if not row.startswith("#") for word in row.split()
    )
    assert given["postroom_master_line"] == line
