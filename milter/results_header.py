"""Authentication-Results: a verdict in the words of RFC 8601.

In: a verdict, the envelope, our authserv-id. Out: the field's value, written by authres, folded
before each method. Everything a stranger could have chosen (domains, selectors, algorithms) is
quoted or dropped, so no value can end a result and begin another. Standard: RFC 8601 2.2, 2.7.

Limits: MAIL FROM is given by its domain only; comments are never written.
"""

import re

from authres.core import (  # type: ignore[import-untyped]
    AuthenticationResult,
    AuthenticationResultProperty,
    QuotableValue,
)

from postroom.envelope import Envelope
from postroom.verdict import ArcResult, DkimResult, DmarcResult, Result, SpfResult, Verdict

_LONGEST = 254  # characters of one value
_LINE = 76
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"  # RFC 2045 5.1
_WORDS = re.compile(r"[a-z0-9-]+", re.ASCII)
_PLAIN = re.compile(rf"{_TOKEN}|(?:{_TOKEN})?@[A-Za-z0-9._-]+", re.ASCII)


class _Value(QuotableValue):  # type: ignore[misc]
    """A value that is a quoted-string unless it is plainly a token or an address."""

    def quote_if_needed(self) -> str:
        if _PLAIN.fullmatch(self):
            return str(self)
        return '"' + re.sub(r'(["\\])', r"\\\1", self) + '"'


def authentication_results(verdict: Verdict, envelope: Envelope, authserv_id: str) -> str:
    """The value of our Authentication-Results field (RFC 8601 2.2)."""
    if verdict.local:
        return f"{authserv_id}; none"
    results = [_spf(verdict.spf, envelope)]
    if verdict.spf.scope == "mfrom":
        results.append(_spf(verdict.spf_helo, envelope))
    results += [_dkim(one) for one in verdict.dkim or (DkimResult(),)]
    if verdict.arc.result is not Result.NONE:
        results.append(_arc(verdict.arc))
    results.append(_dmarc(verdict.dmarc))
    return ";\n\t".join([authserv_id, *(_folded(result) for result in results)])


def _folded(result: AuthenticationResult) -> str:
    """One result, folded between its properties where a line grows long (RFC 5322 2.2.3)."""
    properties, result.properties = result.properties, []
    lines = [str(result)]
    for shown in map(str, properties):
        if len(lines[-1]) + len(shown) < _LINE:
            lines[-1] += f" {shown}"
        else:
            lines.append(shown)
    return "\n\t ".join(lines)


def _spf(spf: SpfResult, envelope: Envelope) -> AuthenticationResult:
    """RFC 8601 2.7.2."""
    if spf.scope == "helo":
        return _result("spf", spf.result, spf.reason, {"smtp.helo": spf.domain or envelope.helo})
    # The domain is what was checked; local parts of senders need not be in headers.
    return _result("spf", spf.result, spf.reason, {"smtp.mailfrom": spf.domain})


def _dkim(dkim: DkimResult) -> AuthenticationResult:
    """RFC 8601 2.7.1."""
    properties = {
        "header.d": dkim.domain,
        "header.i": dkim.identity if dkim.identity.isascii() else "",
        "header.s": dkim.selector,
        "header.a": dkim.algorithm,
        "header.b": dkim.mark,
    }
    return _result("dkim", dkim.result, dkim.reason, properties)


def _arc(arc: ArcResult) -> AuthenticationResult:
    """RFC 8617 10.2; the newest sealer is named."""
    newest = arc.sealers[0] if arc.sealers else ""
    return _result("arc", arc.result, arc.reason, {"header.as-d": newest})


def _dmarc(dmarc: DmarcResult) -> AuthenticationResult:
    """RFC 9989 9.1 (polrec.p as published), RFC 8616 5 (policy.dmarc as it applies)."""
    failed = dmarc.result is Result.FAIL
    properties = {
        "header.from": dmarc.domain,
        "polrec.p": dmarc.policy.value if dmarc.policy else "",
        "policy.dmarc": dmarc.disposition.value if failed else "",
    }
    return _result("dmarc", dmarc.result, dmarc.reason, properties)


def _result(
    method: str, result: Result, reason: str, properties: dict[str, str]
) -> AuthenticationResult:
    written = AuthenticationResult(method, result=result.value)
    if reason:
        written.reason = _value(reason.replace("-", " ") if _WORDS.fullmatch(reason) else reason)
    for name, text in properties.items():
        if text:
            kind, _, rest = name.partition(".")
            shown = AuthenticationResultProperty(kind, rest)
            shown.value = _value(text)
            written.properties.append(shown)
    return written


def _value(text: str) -> _Value:
    return _Value(re.sub(r"[^\x20-\x7e]", "?", text[:_LONGEST]))
