"""What a browser is shown where programs get JSON: the platform's first page, and that there is no workspace of a name."""

from html import escape

from chassis.pages import Page, page, prefers_html
from router.edge.answers import NOT_FOUND, TEAM_NOT_FOUND, Answer
from router.edge.head import Head
from router.edge.identify import HOST_BYTES_MAX, Address

ROOT = b"/"
READS = ("GET", "HEAD")
_SCRIPT = """
const go = document.getElementById("go"), find = document.getElementById("find"), said = document.querySelector("output");
for (const each of document.querySelectorAll(".origin")) each.textContent = location.origin;
go.hidden = false;
go.addEventListener("submit", (event) => {
  event.preventDefault();
  location.href = "/w/" + encodeURIComponent(go.elements.name.value.trim().toLowerCase()) + "/signin";
});
find.addEventListener("submit", async (event) => {
  event.preventDefault();
  const asked = fetch(find.action, {method: "POST", body: new URLSearchParams(new FormData(find))});
  const answer = await asked.then((reply) => reply.json()).catch((error) => ({error}));
  said.textContent = answer.ok ? "If workspaces know this address, a letter that names them is on its way to it."
    : "Not done: " + answer.error;
});
"""
_FRONT = """<p>This is a Waggle server: team chat that speaks Slack's API. Any Slack client, bot or SDK works here when it is given
this server's address; there is no chat in the browser.</p>
<section><h2>Sign in to a workspace</h2>
<p>Its page is <code>{origin}/w/<var>NAME</var>/signin</code>.</p>
<form id="go" hidden><label>Workspace <input name="name" required pattern="[A-Za-z0-9\\-]{{1,63}}" autocapitalize="none"
autocomplete="organization" placeholder="acme"></label><button>Sign in</button></form></section>
<section><h2>Which workspaces am I in?</h2>
<p>Say your e-mail address; the answer is mailed to it.</p>
<form id="find" method="post" action="/api/signin.findWorkspaces"><label>E-mail <input name="email" type="email" required
autocomplete="email"></label><button>Find</button></form><output></output></section>
<section><h2>Point a client at it</h2>
<pre><code>from slack_sdk import WebClient

client = WebClient(token="xoxp-…", base_url="{origin}/api/")
print(client.auth_test()["team"])</code></pre>
<p class="soft">A token names its workspace, so this address serves all of them. Signing in gives you one.
<a href="/api/_methods">All methods</a>, as JSON.</p></section>
"""
_ABSENT = """<p>No workspace here is called <code>{name}</code>. It may be a slip of the pen.</p>
"""
_BACK = """<p><a href="/">Find yours</a></p>
"""


def shown(head: Head, method: str, address: Address, scheme: str, answer: Answer) -> Answer:
    """A page in place of `answer`, where a person is at the other end; else `answer` as it is."""
    if address.path != ROOT or method not in READS or answer not in (NOT_FOUND, TEAM_NOT_FOUND):
        return answer
    if not prefers_html(head.accept):
        return answer
    if answer is TEAM_NOT_FOUND:
        return _answer(404, absent(address.subdomain or "", named_by_path=head.path != ROOT))
    return _answer(200, front(f"{scheme}://{head.get(b'host')[:HOST_BYTES_MAX].decode('latin-1')}"))


def front(origin: str) -> Page:
    """`origin` is what the request said; the browser, which knows better where a proxy stands between, puts its own in its place."""
    return page("Waggle", _FRONT.format(origin=f'<span class="origin">{escape(origin)}</span>'), _SCRIPT, posts=True)


def absent(name: str, *, named_by_path: bool) -> Page:
    """Named by its Host, `/` would be this page again."""
    return page("No such workspace", _ABSENT.format(name=escape(name)) + (_BACK if named_by_path else ""))


def _answer(status: int, told: Page) -> Answer:
    return Answer(status, told.content, tuple(header for header in told.headers if header[0] != b"content-length"))
