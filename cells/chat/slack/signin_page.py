"""`GET /signin`: the page that mailed links lead to. A button does the work, so that a mail scanner that opens links uses none up.

The code is behind `#`: it reaches no server's log, and no other page as referrer.
"""

import base64
import hashlib

from cells.runtime.workload import ASGIApp, Receive, Scope, Send

PATHS = ("/signin", "/signin/")
SCRIPT = """
const [kind, code] = location.hash.slice(1).split("=");
const forms = {
  "": ["signin.password", ["email", "password", "totp"]],
  code: ["signin.redeem", ["totp"]],
  reset: ["signin.resetPassword", ["password"]],
  invitation: ["signin.acceptInvitation", ["real_name", "password"]],
};
const [method, fields] = forms[kind] || forms[""];
const form = document.querySelector("form"), said = document.querySelector("output");
const labels = {email: "E-mail", password: "Password", totp: "Code of the second factor, if you have one", real_name: "Your name"};
for (const name of fields) {
  const label = document.createElement("label"), input = document.createElement("input");
  Object.assign(input, {name, type: name === "password" ? "password" : "text", autocomplete: name === "totp" ? "one-time-code" : "on"});
  label.append(labels[name], input);
  form.querySelector("button").before(label);
}
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  if (code) body.set("code", code);
  const answer = await (await fetch("api/" + method, {method: "POST", body})).json();
  said.textContent = !answer.ok ? "Not done: " + answer.error
    : answer.token ? "You are signed in. Clients that ask for a token take this one: " + answer.token
    : "Done. Sign in with your new password.";
  if (answer.ok) form.hidden = true;
});
"""
PAGE = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in</title>
<style>body{{font:16px system-ui;max-width:30em;margin:3em auto}}
label,input,output{{display:block;margin:.5em 0;overflow-wrap:anywhere}}</style>
<body><h1>Sign in</h1><form><button>Go on</button></form><output></output><script>{SCRIPT}</script></body></html>
""".encode()
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-length", b"%d" % len(PAGE)),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (
        b"content-security-policy",
        f"default-src 'none'; script-src 'sha256-{_HASH}'; style-src 'unsafe-inline'; connect-src 'self'; form-action 'none'".encode(),
    ),
)


class SigninPage:
    """Before an app: takes `GET /signin` and leaves the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in PATHS or scope["method"] not in ("GET", "HEAD"):
            return await self._app(scope, receive, send)
        await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        return await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else PAGE})
