"""Where a message's address leads: a page that says where the message is, without saying what it says or that it is there.

A person opens it in a browser, where nothing is known of them; what the message says is for their client, which asks with a token.
"""

import re
from html import escape

from cells.chat.slack.showing import is_reading, show
from cells.runtime.workload import ASGIApp, Receive, Scope, Send
from chassis.pages import Page, page

_PATH = re.compile(r"/archives/(?P<channel>[CDG][A-Z0-9]{8,20})(?:/p(?P<ts>[0-9]{11,17}))?/?")
_BODY = """<section><p>This address names {what} in channel <code>{channel}</code>. Open it in your chat client.</p>
<p class="soft">Programs read it by <code>conversations.history</code> with <code>channel={channel}</code>{where}.</p></section>
"""


class Archives:
    """Before an app: takes `GET /archives/...` and leaves the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.fullmatch(scope["path"]) if is_reading(scope) else None
        if found is None:
            return await self._app(scope, receive, send)
        return await show(page_of(found["channel"], found["ts"] or ""), scope, send)


def page_of(channel: str, digits: str) -> Page:
    ts = f"{digits[:-6]}.{digits[-6:]}"
    where = f", <code>latest={escape(ts)}</code>, <code>inclusive=true</code> and <code>limit=1</code>" if digits else ""
    what = "a message" if digits else "everything said"
    return page("A message", _BODY.format(what=what, channel=escape(channel), where=where))
