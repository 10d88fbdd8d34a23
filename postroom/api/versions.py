"""Versions over HTTP: ETag on what was seen, If-Match on what is decided (RFC 9110 8.8.3, 13.1.1).

Who decides must say what they have seen: without If-Match a decision is 428, with an old one 412.
"*" means "whatever it is now"; a review is decided only once even then.
"""

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from postroom.failure import PermanentFailure

_TAG = re.compile(r'"(\d{1,18})"')


def tag(response: Response, version: int) -> None:
    """Names the version of what is answered."""
    response.headers["ETag"] = f'"{version}"'


def _seen(
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", description="The ETag of what was seen; decisions need it."),
    ] = None,
) -> int | None:
    if if_match is None:
        said = "send If-Match with the ETag of what you have seen"
        raise PermanentFailure("version-needed", ValueError(said))
    if if_match.strip() == "*":
        return None
    match = _TAG.fullmatch(if_match.strip())
    if not match:
        raise PermanentFailure("bad-version", ValueError("If-Match is no ETag of ours"))
    return int(match[1])


Seen = Annotated[int | None, Depends(_seen)]
