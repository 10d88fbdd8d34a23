"""What a forwarder recorded: the dmarc result in an ARC-Authentication-Results field.

In: the field's value behind its i=. Out: whether it says dmarc=pass for a domain. The only
foreign results that are ever read, and only of sealers in `trusted_sealers`. Comments and quoted
strings are passed over, so nothing inside them counts. Standard: RFC 8601 2.2, RFC 8617 4.1.1.
"""

import re

# One token at a time, each loop possessive; comments nest, so their ends are tokens.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|\\.|[^"\\();]++|[();"\\]')
_DMARC = re.compile(r"\s*dmarc\s*=\s*pass(?=\s|\Z)", re.IGNORECASE)
_AUTHOR = re.compile(r"\sheader\.from\s*=\s*([^\s]+)", re.IGNORECASE)


def recorded_pass(results: bytes, domain: str) -> bool:
    """True when dmarc=pass is recorded with header.from of that domain (RFC 8601 2.7.5)."""
    for clause in _clauses(results.decode("utf-8", "replace"))[1:]:
        author = _AUTHOR.search(clause)
        if _DMARC.match(clause) and author:
            return author[1].lower().rpartition("@")[2] == domain
    return False


def _clauses(text: str) -> list[str]:
    """The text between semicolons without comments; quoted strings become a "?"."""
    clauses = [""]
    pieces: list[str] = []
    depth = 0
    for token in _TOKEN.findall(text):
        match token:
            case "(":
                depth += 1
            case ")":
                depth = max(0, depth - 1)
                pieces.append(" ")
            case _ if depth:
                pass
            case ";":
                clauses.append("".join(pieces))
                pieces = []
            case _:
                pieces.append("?" if token.startswith(('"', "\\")) else token)
    return [*clauses[1:], "".join(pieces)]
