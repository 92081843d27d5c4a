"""`GET /signin`: the page that mailed links lead to. A button does the work, so that a mail scanner that opens links uses none up.

The code is behind `#`: it reaches no server's log, and no other page as referrer.
"""

from cells.chat.slack.showing import is_reading, show
from cells.runtime.workload import ASGIApp, Receive, Scope, Send
from chassis.pages import page

PATHS = ("/signin", "/signin/")
SCRIPT = r"""
const [kind, code] = location.hash.slice(1).split("=");
const forms = {
  "": ["signin.password", ["email", "password", "totp"]],
  code: ["signin.redeem", ["totp"]],
  reset: ["signin.resetPassword", ["password"]],
  invitation: ["signin.acceptInvitation", ["real_name", "password"]],
};
const [method, fields] = forms[kind] || forms[""], api = location.pathname.replace(/signin\/?$/, "api/");
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
  const answer = await (await fetch(api + method, {method: "POST", body})).json();
  said.textContent = !answer.ok ? "Not done: " + answer.error
    : answer.token ? "You are signed in. Clients that ask for a token take this one: " + answer.token
    : "Done. Sign in with your new password.";
  if (answer.ok) form.hidden = true;
});
"""
PAGE = page("Sign in", "<section><form><button>Go on</button></form><output></output></section>", SCRIPT)


class SigninPage:
    """Before an app: takes `GET /signin` and leaves the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_reading(scope) or scope["path"] not in PATHS:
            return await self._app(scope, receive, send)
        return await show(PAGE, scope, send)
