"""The man page, written from the commands, so that it cannot lie (reference.py writes the file).

Format: man(7). What is said of a command, an argument or an option is its own help.
"""

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from postroom.cli import app
from postroom.config import DEFAULT_PATH

_HEAD = r""".\" Written by scripts/reference.py from the commands themselves.
.TH POSTROOM 1 "" Postroom "Postroom"
.SH NAME
postroom \- the mailroom of a company address
.SH SYNOPSIS
.B postroom
.I command
[\fIoptions\fR] [\fIarguments\fR]
.SH DESCRIPTION
Postroom sits beside Postfix, as a milter before its queue and as an LMTP server after it. It checks
who sent a message, reads it, says what it is, and sees to what follows: orders, invoices and
tickets in the ERP, and a reply to the sender. What it is not sure of goes to a person.
.SH COMMANDS
"""
_TAIL = r""".SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
some input failed, or doctor found a fault
.TP
.B 2
the command line or the configuration is wrong
.SH ENVIRONMENT
.TP
.B POSTROOM_CONFIG
the configuration file, where \-\-config is not given
.SH FILES
.TP
.I {configuration}
the configuration, TOML; docs/configuration.md has every key
.TP
.I /var/lib/postroom
database, keys and Maildirs
.TP
.I /run/postroom
the sockets
.SH SIGNALS
.B postroom serve
drains on SIGTERM, and takes configuration, rules and model anew on SIGHUP.
.SH SEE ALSO
.BR postconf (5),
.BR master (5),
.BR lmtp (8)
"""


def text() -> str:
    """The page's content."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    tail = _TAIL.replace("{configuration}", str(DEFAULT_PATH))
    return _HEAD + "".join(_commands(root, "postroom")) + tail


def _commands(group: TyperGroup, before: str) -> list[str]:
    parts: list[str] = []
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            parts += _commands(command, f"{before} {name}")
        elif isinstance(command, TyperCommand):
            parts.append(_command(command, f"{before} {name}"))
    return parts


def _command(command: TyperCommand, name: str) -> str:
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    options = [one for one in command.params if isinstance(one, TyperOption) and one.name != "help"]
    shown = " ".join(_argument(one) for one in arguments)
    lines = [f".SS {_escaped(name)} {shown}".rstrip(), _paragraphs(command.help or "")]
    for argument in arguments:
        said = getattr(argument, "help", None) or ""
        lines += [".TP", _argument(argument), _escaped(said)]
    for option in options:
        value = (
            "" if option.is_flag else f" \\fI{(option.metavar or option.name or '').upper()}\\fR"
        )
        names = ", ".join(f"\\fB{_escaped(one)}\\fR" for one in option.opts)
        lines += [".TP", f"{names}{value}", _escaped(option.help or "")]
    return "\n".join(lines) + "\n"


def _argument(argument: TyperArgument) -> str:
    many = "..." if argument.nargs == -1 else ""
    name = (argument.metavar or argument.name or "").upper().strip("[].")
    shown = f"\\fI{_escaped(name)}\\fR{many}"
    return shown if argument.required else f"[{shown}]"


def _paragraphs(help_text: str) -> str:
    pieces = [" ".join(piece.split()) for piece in help_text.split("\n\n")]
    return "\n.PP\n".join(_escaped(piece) for piece in pieces)


def _escaped(line: str) -> str:
    r"""What man(7) would take for its own: backslashes, hyphens, a dot or quote in front."""
    safe = line.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{safe}" if safe[:1] in (".", "'") else safe
