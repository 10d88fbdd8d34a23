"""Ansible's way into a root of ours: nsenter(1) into the namespaces of the process that keeps it.

The host's address is that process's id (tests/ansible/mailroot.py).
"""

import subprocess
from typing import Any

from ansible.errors import AnsibleConnectionFailure  # type: ignore[import-untyped]
from ansible.plugins.connection import ConnectionBase  # type: ignore[import-untyped]

DOCUMENTATION = """
name: mailroot
short_description: Run modules inside a root kept by a process of the tests
description: Commands are run by nsenter(1) in the keeper's namespaces.
author: Postroom
options: {}
"""


class Connection(ConnectionBase):  # type: ignore[misc]
    """One root."""

    transport = "mailroot"  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    has_pipelining = True

    def _connect(self) -> "Connection":
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Runs a shell command in the root."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        done = self._run(["/bin/sh", "-c", cmd], in_data)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copies a file into the root."""
        super().put_file(in_path, out_path)
        with open(in_path, "rb") as source:
            self._copy(["tee", out_path], source.read())

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copies a file out of the root."""
        super().fetch_file(in_path, out_path)
        with open(out_path, "wb") as target:
            target.write(self._copy(["cat", in_path]))

    def close(self) -> None:
        """Nothing stays open between commands."""
        self._connected = False

    def _copy(self, command: list[str], content: bytes | None = None) -> bytes:
        done = self._run(command, content)
        if done.returncode:
            raise AnsibleConnectionFailure(f"{command} failed: {done.stderr!r}")
        printed: bytes = done.stdout
        return printed

    def _run(self, command: list[str], content: bytes | None) -> Any:
        keeper = str(self._play_context.remote_addr)
        # As MailRoot.enter says, which a plugin cannot import.
        inside = ("-m", "-p", "-u", "-i", "-C", "-n", "-r", "-w")
        return subprocess.run(
            ["nsenter", "-t", keeper, *inside, "--", *command],
            input=content or b"",
            capture_output=True,
            check=False,
        )
