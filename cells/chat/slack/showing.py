"""Pages as answers of a workspace's address."""

from cells.runtime.workload import Scope, Send
from chassis.pages import Page


def is_reading(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD")


async def show(page: Page, scope: Scope, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(page.headers)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else page.content})
