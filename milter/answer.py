"""What Postfix is told, in a form that neither libmilter nor Postfix stumbles over; pure.

In: header values and refusals as the rest of Postroom words them. Out: values folded as libmilter
wants them, replies with a code that fits. Standards: RFC 5321 4.5.3.1.5 (reply lines),
RFC 5322 2.1.1 (header lines), RFC 3463 and 7372 (enhanced codes).
"""

import re
from dataclasses import replace

from postroom.failure import Failure, PermanentFailure, Reply, reply_for

_LONGEST_REPLY = 480  # characters; a reply line has 512 with code, enhanced code and CRLF
_LONGEST_LINE = 900  # octets of a header line; 998 are allowed


def header_value(text: str) -> str:
    """A header's value as libmilter wants it: LF before continuations, lines of legal length."""
    lines: list[str] = []
    for line in re.split(r"\r?\n", text.strip()):
        printable = line.strip()
        if not printable.isprintable():  # a stamp has two thousand characters that all are
            printable = "".join(c if c.isprintable() else " " for c in printable).strip()
        while len(printable.encode()) > _LONGEST_LINE:
            most = _LONGEST_LINE // 4  # characters that fit, however many octets each has
            space = printable.rfind(" ", 1, most)
            cut = space if space > 0 else most
            lines.append(printable[:cut].rstrip())
            printable = printable[cut:].lstrip()
        lines.append(printable)
    return "\n\t".join(line for line in lines if line)


def refusal(failure: Failure, text: str) -> Reply:
    """The reply for a disposition: code by its reason, text by the policy where it gave one."""
    reply = reply_for(failure)
    if isinstance(failure, PermanentFailure) and reply.code < 500:
        # A reason failure.py does not list; the decision to refuse stands all the same.
        reply = Reply(code=550, enhanced="5.7.1", text="Message refused by local policy")
    line = "".join(c if " " <= c <= "~" else "?" for c in text)[:_LONGEST_REPLY]
    return replace(reply, text=line or reply.text)
