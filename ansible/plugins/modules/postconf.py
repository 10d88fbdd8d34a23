#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings Postfix's main.cf and master.cf to what is asked, by postconf(1) alone.

In: parameters, members of lists, services and their columns. Out: what changed, as a diff. One
run of postconf reads everything, one per kind of change writes. In check mode nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: postconf
short_description: Set parameters and services of Postfix
description:
  - Reads Postfix's configuration with postconf(1), writes only what differs, and shows it as a
    diff. Check mode is supported.
author: Postroom (@postroom)
options:
  config_dir:
    description: Postfix's configuration directory.
    type: path
    default: /etc/postfix
  parameters:
    description: Parameters of main.cf and their values.
    type: dict
    default: {}
  first:
    description: Parameters that are lists, and the member that must be in each; it is put first
      where it is missing, and the other members stay.
    type: dict
    default: {}
  last:
    description: Parameters that are lists, and the member that must be in each; it is put last
      where it is missing, and the other members stay.
    type: dict
    default: {}
  limits:
    description: Parameters that limit a size, and what each must allow at the least; one that
      allows less becomes 0, which is no limit.
    type: dict
    default: {}
  without:
    description: Parameters that are lists, and the member that must not be in each.
    type: dict
    default: {}
  unset:
    description: Parameters that go back to Postfix's default.
    type: list
    elements: str
    default: []
  services:
    description: Services of master.cf by C(name/type), each as its whole line.
    type: dict
    default: {}
  columns:
    description: Single columns of services, by C(name/type/column); a service that is not there
      is left out.
    type: dict
    default: {}
  absent:
    description: Services by C(name/type) that must not be there.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Postroom before the queue
  postroom.mailroom.postconf:
    parameters:
      milter_default_action: tempfail
    first:
      smtpd_milters: unix:/run/postroom/milter.sock
"""

RETURN = r"""
names:
  description: Parameters and services that were changed.
  returned: always
  type: list
  elements: str
"""


class Postconf:
    """The configuration in one directory."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._before: list[str] = []
        self._after: list[str] = []
        self.names: list[str] = []

    def change(self) -> None:
        """A parameter named after a service is known only while that is there: ours go in the order
        unset, services, parameters.
        """
        wanted = self._module.params
        self._unset(wanted["unset"])
        self._services(wanted["services"], wanted["absent"])
        self._columns(wanted["columns"])
        self._parameters(wanted)
        self._limits(wanted["limits"])

    def diff(self) -> dict[str, str]:
        """What was and what is, ready for Ansible."""
        return {"before": "".join(self._before), "after": "".join(self._after)}

    def _unset(self, names: list[str]) -> None:
        explicit = dict(_pairs(self._run("-n")))
        for name in names:
            if name in explicit:
                self._changed(name, f"{name} = {explicit[name]}", "")
                self._write("-X", name)

    def _services(self, services: dict[str, str], absent: list[str]) -> None:
        found = {
            "/".join(line.split()[:2]): " ".join(line.split()) for line in _joined(self._run("-M"))
        }
        for name, line in services.items():
            if found.get(name, "") != " ".join(line.split()):
                self._changed(name, found.get(name, ""), line)
                self._write("-Me", f"{name} = {line}")
        for name in absent:
            if name in found:
                self._changed(name, found[name], "")
                self._write("-MX", name)

    def _columns(self, columns: dict[str, str]) -> None:
        found = dict(_pairs(self._run("-F")))
        for name, value in columns.items():
            if name in found and found[name] != value:
                self._changed(name, f"{name} = {found[name]}", f"{name} = {value}")
                self._write("-Fe", f"{name} = {value}")

    def _parameters(self, wanted: dict) -> None:
        found = dict(_pairs(self._run()))
        asked = dict(wanted["parameters"])
        for name, member in wanted["first"].items():
            members = _members(found.get(name, ""))
            asked[name] = ", ".join(members if member in members else [member, *members])
        for name, member in wanted["last"].items():
            members = _members(found.get(name, ""))
            asked[name] = ", ".join(members if member in members else [*members, member])
        for name, member in wanted["without"].items():
            asked[name] = ", ".join(one for one in _members(found.get(name, "")) if one != member)
        changes = []
        for name, value in asked.items():
            before = found.get(name)
            listed = any(name in wanted[kind] for kind in ("first", "last", "without"))
            same = _members(before or "") == _members(value) if listed else before == value
            if not same:
                was = "" if before is None else f"{name} = {before}"
                self._changed(name, was, f"{name} = {value}")
                changes.append(f"{name} = {value}")
        if changes:
            self._write("-e", *changes)

    def _limits(self, least: dict[str, str]) -> None:
        if not least:
            return
        # Where one names another parameter, the value of that counts.
        found = dict(_pairs(self._run("-x", *least)))
        for name, allowed in least.items():
            limit = found.get(name, "")
            if not limit.isdigit() or 0 < int(limit) < int(allowed):
                self._changed(name, f"{name} = {limit}", f"{name} = 0")
                self._write("-e", f"{name} = 0")

    def _changed(self, name: str, before: str, after: str) -> None:
        self.names.append(name)
        self._before.append(f"{before}\n" if before else "")
        self._after.append(f"{after}\n" if after else "")

    def _write(self, *arguments: str) -> None:
        if not self._module.check_mode:
            self._run(*arguments)

    def _run(self, *arguments: str) -> str:
        command = [self._module.get_bin_path("postconf", True, ["/usr/sbin"]), "-c"]
        _status, printed, _errors = self._module.run_command(
            [*command, self._module.params["config_dir"], *arguments], check_rc=True
        )
        return printed


def _joined(text: str) -> list[str]:
    return re.sub(r"\n[ \t]+", " ", text).splitlines()


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in _joined(text):
        name, found, value = line.partition("=")
        if found:
            yield name.strip(), value.strip()


def _members(value: str) -> list[str]:
    """The members of a list parameter; braces keep a member with blanks together."""
    return re.findall(r"\{[^}]*\}|[^,\s]+", value)


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "config_dir": {"type": "path", "default": "/etc/postfix"},
            "parameters": {"type": "dict", "default": {}},
            "first": {"type": "dict", "default": {}},
            "last": {"type": "dict", "default": {}},
            "limits": {"type": "dict", "default": {}},
            "without": {"type": "dict", "default": {}},
            "unset": {"type": "list", "elements": "str", "default": []},
            "services": {"type": "dict", "default": {}},
            "columns": {"type": "dict", "default": {}},
            "absent": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    postfix = Postconf(module)
    postfix.change()
    module.exit_json(changed=bool(postfix.names), names=postfix.names, diff=postfix.diff())


if __name__ == "__main__":
    main()
