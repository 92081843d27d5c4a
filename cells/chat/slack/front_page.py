"""`GET /` of a workspace in a browser: where to sign in, and how a client is pointed at it.

It tells a stranger what the address already told: that there is a workspace of this name.
"""

from html import escape

from cells.chat.domain.teams.repository import Teams
from cells.chat.slack.letters import page_of
from cells.chat.slack.showing import is_reading, show
from cells.runtime.workload import TENANT_KEY, ASGIApp, Receive, Scope, Send, Tenant
from chassis.pages import Page, page, prefers_html

_BODY = """<p>A workspace on a <a href="{home}">Waggle server</a>: team chat that speaks Slack's API.</p>
<section><h2>Sign in</h2>
<p>By password, by a mailed link, or with an invitation that was mailed to you.</p>
<p><a class="button" href="{here}signin">Sign in to {name}</a></p></section>
<section><h2>Point a client at it</h2>
<pre><code>from slack_sdk import WebClient

client = WebClient(token="xoxp-…", base_url="{home}api/")
print(client.auth_test()["team"])</code></pre>
<p class="soft">The token says which workspace is meant. Signing in gives you one; programs get theirs from the workspace's
administrators.</p></section>
"""


class FrontPage:
    """Before an app: takes `GET /` of who would rather have a page than JSON, and leaves the rest."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_reading(scope) or scope["path"] != "/" or not _wants_page(scope):
            return await self._app(scope, receive, send)
        tenant: Tenant = scope[TENANT_KEY]
        async with tenant.reading() as connection:
            team = await Teams(connection, tenant.scope).get()
        if team is None:
            return await self._app(scope, receive, send)
        return await show(front(self._public_url, team.domain), scope, send)


def front(public_url: str, domain: str) -> Page:
    home, here = escape(f"{public_url.rstrip('/')}/"), escape(page_of(public_url, domain))
    return page(domain, _BODY.format(home=home, here=here, name=escape(domain)))


def _wants_page(scope: Scope) -> bool:
    return prefers_html(b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1"))
