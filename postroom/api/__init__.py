"""The HTTP API: what the operator's commands do, over HTTP, for a web console to stand on.

    app.py        the application: routes of each kind put together, headers, limits, errors
    messages.py   messages in review and their raw mail      actions.py    the outbox
    templates.py  reply templates                            admin.py      audit log, tokens
    guard.py      who asks and what they may; failures are limited
    tokens.py     the tokens, hashed at rest
    shapes.py     what comes in and goes out (OpenAPI)       problems.py   failures as RFC 9457

In: requests on `api.listen`. Out: JSON. Every change goes through postroom/operating.py and
postroom/approving.py, as on the command line, and into the audit log under the token's name.
"""
