"""Where a message's address leads: a page that says where the message is, without saying what it says or that it is there.

A person opens it in a browser, where nothing is known of them; what the message says is for their client, which asks with a token.
"""

import html
import re

from cells.runtime.workload import ASGIApp, Receive, Scope, Send

_PATH = re.compile(r"/archives/(?P<channel>[CDG][A-Z0-9]{8,20})(?:/p(?P<ts>[0-9]{11,17}))?/?")
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="robots" content="noindex"><title>A message</title>
<body><p>This address names {what} in channel <code>{channel}</code>. Open it in your chat client.</p>
<p>Programs read it by <code>conversations.history</code> with <code>channel={channel}</code>{where}.</p></body></html>
"""


class Archives:
    """Before an app: takes `GET /archives/...` and leaves the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        if found is None:
            return await self._app(scope, receive, send)
        body = b"" if scope["method"] == "HEAD" else page_of(found["channel"], found["ts"] or "").encode()
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"private, no-store"),
            (b"content-security-policy", b"default-src 'none'"),
            (b"referrer-policy", b"no-referrer"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        return await send({"type": "http.response.body", "body": body})


def page_of(channel: str, digits: str) -> str:
    ts = f"{digits[:-6]}.{digits[-6:]}"
    where = f", <code>latest={html.escape(ts)}</code>, <code>inclusive=true</code> and <code>limit=1</code>" if digits else ""
    return _PAGE.format(what="a message" if digits else "everything said", channel=html.escape(channel), where=where)
