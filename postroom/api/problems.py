"""Our failures as HTTP answers: RFC 9457 problem details with the machine's reason.

Only reasons listed here say more than their token; what else goes wrong is a 500 or 503 without a
word of the exception (contract section 5).
"""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from postroom import maillog
from postroom.failure import Failure, PermanentFailure, TemporaryFailure

MEDIA_TYPE = "application/problem+json"
# reason -> status; for these the cause is a sentence of ours that may be shown.
_STATUS = {
    "no-such-message": 404,
    "no-such-action": 404,
    "no-such-template": 404,
    "no-such-token": 404,
    "no-such-attachment": 404,
    "not-waiting": 409,
    "not-possible": 409,
    "already-approved": 409,
    "already-revoked": 409,
    "forwarded-already": 409,
    "token-exists": 409,
    "changed-meanwhile": 412,
    "template-changed": 412,
    "bad-correction": 422,
    "bad-token-name": 422,
    "bad-head": 422,
    "no-such-category": 422,
    "forward-outside": 422,
    "version-needed": 428,
    "bad-version": 400,
}
_UNREADABLE = "worker-"  # the message broke the worker process that read it
_HTTP_REASONS = {404: "no-such-page", 405: "no-such-method", 401: "unauthorized", 408: "too-slow"}


def problem(
    status: int, reason: str, detail: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    """One answer that says what is wrong."""
    body = {"type": "about:blank", "status": status, "reason": reason, "detail": detail}
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Makes the application answer failures as problems."""
    app.add_exception_handler(Failure, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


async def _failed(_request: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, Failure)
    if isinstance(failure, PermanentFailure) and failure.reason in _STATUS:
        return problem(_STATUS[failure.reason], failure.reason, str(failure.cause or ""))
    if failure.reason.startswith(_UNREADABLE):
        return problem(422, failure.reason, "the message cannot be read")
    maillog.degraded(part="api", reason=failure.reason)
    if isinstance(failure, TemporaryFailure):
        return problem(503, failure.reason, headers={"Retry-After": "5"})
    return problem(500, failure.reason)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(
        f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()
    )
    return problem(422, "bad-request", said[:1_000])


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    reason = _HTTP_REASONS.get(error.status_code, "bad-request")
    return problem(error.status_code, reason, headers=dict(error.headers or {}))


async def _bug(_request: Request, error: Exception) -> JSONResponse:
    maillog.bug("api", error)
    return problem(500, "bug")
