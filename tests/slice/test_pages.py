"""What people see who open an address of the platform in a browser, and that programs go on getting JSON there."""

import httpx
import pytest

from cells.chat.slack.front_page import front as workspace_page
from chassis.pages import Page, prefers_html
from router.edge.answers import NOT_FOUND, TEAM_NOT_FOUND
from router.edge.front import absent, front, shown
from router.edge.head import Head
from router.edge.identify import Address, address_of
from tests.harness.chat import HOST, a_chat, exchange
from tests.harness.databases import FreshDatabase
from tests.harness.edge import an_edge
from tests.harness.markup import page_in

pytestmark = pytest.mark.anyio
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
HOSTILE = "\"><script>alert('x')</script>"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        ("TEXT/HTML", True),
        ("text/*, application/json;q=0.9", True),
        ("", False),
        ("*/*", False),
        ("application/json, text/plain, */*", False),
        ("text/html;q=0.5, application/json", False),
        ("text/html, application/json", False),
        ("text/html;q=none", False),
        (";;,,/;q=nan," * 10_000, False),
    ],
    ids=range(10),
)
def test_who_would_rather_have_a_page(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html


async def test_the_first_page_for_browsers_and_json_for_programs() -> None:
    async with an_edge() as edge, httpx.AsyncClient(base_url=edge.url) as web:
        reply = await web.get("/", headers={"accept": BROWSER})
        page = page_in(reply.content, reply.headers)
        assert reply.status_code == 200 and reply.headers["vary"] == "accept"
        assert f"{edge.url}/w/NAME/signin" in page.text and f'base_url="{edge.url}/api/"' in page.text
        assert page.leads == ["/api/signin.findWorkspaces", "/api/_methods"]
        head = await web.head("/", headers={"accept": BROWSER})
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(reply.content)))
        for method, path, accept in (("GET", "/", "*/*"), ("GET", "/", ""), ("POST", "/", BROWSER), ("GET", "/elsewhere", BROWSER)):
            said = await web.request(method, path, headers={"accept": accept})
            assert (said.status_code, said.json()) == (404, {"ok": False, "error": "not_found"}), (method, path)
        assert edge.forwarder.requests == [], "no cell is asked"
        await web.get("/w/acme/", headers={"accept": BROWSER})
        assert [request.path for request in edge.forwarder.requests] == [b"/"], "a workspace's page is its cell's"


def test_no_such_workspace() -> None:
    def asked(path: bytes, host: bytes, accept: str) -> tuple[Head, str, Address]:
        fields = [(b"host", host), (b"accept", accept.encode())]
        head = Head({"raw_path": path, "query_string": b"", "headers": fields, "client": None}, frozenset())
        return head, "GET", address_of(path, host, "chat.test")

    for path, host, back in ((b"/w/nope/", b"chat.test", ["/"]), (b"/", b"nope.chat.test", [])):
        head, method, address = asked(path, host, BROWSER)
        answer = shown(head, method, address, "http", TEAM_NOT_FOUND)
        page = page_in(answer.body, {name.decode(): value.decode() for name, value in answer.headers})
        assert (answer.status, page.leads) == (404, back) and "nope" in page.text
        head, method, address = asked(path, host, "application/json")
        assert shown(head, method, address, "http", TEAM_NOT_FOUND) is TEAM_NOT_FOUND
    head, method, address = asked(b"/nope", b"chat.test", BROWSER)
    assert shown(head, method, address, "http", NOT_FOUND) is NOT_FOUND


async def test_a_workspaces_page_says_its_name_and_no_more(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await acme.owner.call("chat.postMessage", channel=acme.general, text="secret")

        async def asks(verb: str, path: str, accept: str) -> tuple[int, dict[str, str], bytes]:
            fields = [(b"host", HOST.encode()), (b"accept", accept.encode())]
            reply = await exchange(acme.workload.app, acme.tenant, verb, path, b"", fields, b"")
            return reply.status, reply.headers, reply.body

        status, headers, body = await asks("GET", "/", BROWSER)
        page = page_in(body, headers)
        assert (status, page.leads) == (200, ["http://127.0.0.1:8080/", "http://127.0.0.1:8080/w/acme/signin"])
        assert "Sign in to acme" in page.text and 'base_url="http://127.0.0.1:8080/api/"' in page.text
        told = body.decode()
        assert not any(word in told for word in (acme.scope.workspace_id, acme.owner.user_id, acme.general, "owner@", "secret", HOST))
        assert (await asks("HEAD", "/", BROWSER))[1:] == (headers, b"")
        for verb, path, accept in (("GET", "/", "*/*"), ("POST", "/", BROWSER), ("GET", "/elsewhere", BROWSER)):
            assert (await asks(verb, path, accept))[2] == b'{"ok":false,"error":"not_found"}', (verb, path)
        for path in ("/signin", f"/archives/{acme.general}"):
            _, headers, body = await asks("GET", path, "*/*")
            assert page_in(body, headers).leads == []


@pytest.mark.parametrize(
    "page",
    [front(f"http://{HOSTILE}"), absent(HOSTILE, named_by_path=True), workspace_page(f"http://{HOSTILE}", HOSTILE)],
    ids=("front", "absent", "workspace"),
)
def test_what_others_named_is_text_and_never_markup(page: Page) -> None:
    found = page_in(page.content, {name.decode(): value.decode() for name, value in page.headers})
    assert HOSTILE in found.text and HOSTILE.encode() not in page.content
