"""What is shown of a URL that may hold a password: all but that.

In: a text, or the configuration as plain values. Out: the same with *** in place of a password
before the host, of a name that stands there alone (over HTTP that is a token), and of what is
called a password, token, secret or key among the parameters.

Limits: a secret in a URL's path is not known for one. Where a URL is not well-formed, rather too
much is hidden than too little.
"""

import re
from typing import Any

_HIDDEN = "***"
# What follows "user:" is a password unless it is a host's port.
_PASSWORD = re.compile(r"^(\w[\w+.-]*://[^:/?#@\[]*:)(?!\d{1,5}(?:[/?#]|$)).*@", re.DOTALL)
_TOKEN = re.compile(r"^(https?://)[^:/?#@]+@", re.IGNORECASE)
_PARAMETER = re.compile(r"([?&;][^=&#]*(?:pass|pwd|secret|token|key)[^=&#]*=)[^&#]*", re.IGNORECASE)


def masked(text: str) -> str:
    """The text; where it is a URL, without the secrets in it."""
    if "://" not in text:
        return text
    text = _TOKEN.sub(rf"\1{_HIDDEN}@", _PASSWORD.sub(rf"\1{_HIDDEN}@", text))
    return _PARAMETER.sub(rf"\1{_HIDDEN}", text)


def all_masked(value: Any) -> Any:
    """Plain values, such as a configuration's, with every text in them masked."""
    match value:
        case str():
            return masked(value)
        case dict():
            return {name: all_masked(inner) for name, inner in value.items()}
        case list() | tuple():
            return [all_masked(inner) for inner in value]
        case _:
            return value
