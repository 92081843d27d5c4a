"""signin.findWorkspaces: the one question that is asked of no workspace (docs/adr/0015-workspace-finder.md)."""

from urllib.parse import parse_qsl

import msgspec

from router.edge.head import Head

FIND_WORKSPACES = b"/api/signin.findWorkspaces"
EMAIL_CHARACTERS_MAX = 254
FIELDS_MAX = 20


class _Json(msgspec.Struct):
    email: object = None


_json = msgspec.json.Decoder(_Json)


def email_of(head: Head, body: bytes) -> str:
    """The argument `email` of a form, of JSON or of the query; empty where there is none that could be an address."""
    if head.get(b"content-type").partition(b";")[0].strip().lower() == b"application/json":
        email = _in_json(body)
    else:
        email = _in_form(body) or _in_form(head.query)
    return email.strip() if isinstance(email, str) and len(email) <= EMAIL_CHARACTERS_MAX else ""


def _in_json(body: bytes) -> object:
    try:
        return _json.decode(body).email
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _in_form(text: bytes) -> str:
    try:
        return dict(parse_qsl(text.decode("utf-8", "replace"), max_num_fields=FIELDS_MAX)).get("email", "")
    except ValueError:
        return ""
