"""Finding the workspace in a request, from every place where clients put it."""

import json
from itertools import repeat

import pytest

from chassis.identity import UserId, make_app_token, make_bot_token, make_id, make_user_token, make_workspace_id
from router.edge.identify import (
    TOKEN_BYTES_MAX,
    address_of,
    subdomain_of,
    token_in_body,
    token_in_header,
    token_in_query,
    workspace_of,
)

FORM = b"application/x-www-form-urlencoded"
# Tokens are new in every process: no test is named by one.
WORKSPACE = make_workspace_id()
USER = UserId(make_id("U"))
TOKEN = make_bot_token(WORKSPACE, USER)


def multipart(*fields: tuple[str, str]) -> bytes:
    parts = [f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields]
    return ("".join(parts) + "--XX--\r\n").encode()


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Bearer  {TOKEN} "], ids=repeat(""))
def test_token_in_the_header(value: str) -> None:
    assert token_in_header(value.encode()) == TOKEN


@pytest.mark.parametrize("value", [b"", b"Bearer", b"Bearer ", b"Basic dXNlcjpwYXNz", b"Bearer " + b"x" * (TOKEN_BYTES_MAX + 1)])
def test_no_token_in_the_header(value: bytes) -> None:
    assert token_in_header(value) is None


@pytest.mark.parametrize(
    "query", [f"token={TOKEN}", f"channel=C1&token={TOKEN}&limit=1", f"a=b&token={TOKEN.replace('-', '%2D')}"], ids=repeat("")
)
def test_token_in_the_query(query: str) -> None:
    assert token_in_query(query.encode()) == TOKEN


@pytest.mark.parametrize("query", ["", "token=", "nottoken=x", "xtoken=y&z=1", "q=token"])
def test_no_token_in_the_query(query: str) -> None:
    assert token_in_query(query.encode()) is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, f"channel=C1&token={TOKEN}&text=hi".encode()),
        (FORM + b"; charset=utf-8", f"token={TOKEN}".encode()),
        (b"", f"token={TOKEN}".encode()),
        (b"application/json; charset=utf-8", json.dumps({"token": TOKEN, "text": "hi"}).encode()),
        (b"multipart/form-data; boundary=XX", multipart(("channel", "C1"), ("token", TOKEN), ("text", "hi"))),
        (b"Multipart/Form-Data; boundary=XX", multipart(("token", TOKEN))),
    ],
    ids=repeat(""),
)
def test_token_in_the_body(content_type: bytes, body: bytes) -> None:
    assert token_in_body(content_type, body) == TOKEN


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, b"text=a+token+of+love"),
        (FORM, b""),
        (b"application/json", b""),
        (b"application/json", b'{"token": 5}'),
        (b"application/json", b'{"token": "'),
        (b"application/json", b'["token"]'),
        (b"application/json", b'{"text": "token=abc"}'),
        (b"multipart/form-data; boundary=XX", multipart(("text", "token"))),
    ],
)
def test_no_token_in_the_body(content_type: bytes, body: bytes) -> None:
    assert token_in_body(content_type, body) is None


@pytest.mark.parametrize("token", [TOKEN, make_user_token(WORKSPACE, USER), make_app_token(WORKSPACE, make_id("A"))], ids=repeat(""))  # type: ignore[arg-type]
def test_workspace_of_a_token(token: str) -> None:
    assert workspace_of(token) == WORKSPACE


@pytest.mark.parametrize(
    "token", ["xoxb-1-2-3", "xoxb-not-a-token", "xoxz" + TOKEN[4:], TOKEN + "\n", "'; drop table workspaces"], ids=repeat("")
)
def test_tokens_of_no_shape_of_ours(token: str) -> None:
    assert workspace_of(token) is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"acme.localhost", "acme"),
        (b"acme.localhost:8080", "acme"),
        (b"ACME.Localhost:1", "acme"),
        (b"localhost:8080", None),
        (b"a.b.localhost", None),
        (b"acme.example.com", None),
        (b"acmelocalhost", None),
        (b".localhost", None),
        (b"", None),
        (b"[::1]:8080", None),
        (b"[::1]", None),
        (b"\xff.localhost", None),
    ],
)
def test_subdomain_of_the_host(host: bytes, name: str | None) -> None:
    assert subdomain_of(host, "localhost") == name


def test_prefix_of_the_path_is_taken_off() -> None:
    found = address_of(b"/w/acme/api/auth.test", b"127.0.0.1:8080", "localhost")
    assert (found.path, found.subdomain, found.workspace_id) == (b"/api/auth.test", "acme", None)


@pytest.mark.parametrize("path", [b"/w/acme", b"/w/acme/"])
def test_root_of_a_workspace(path: bytes) -> None:
    assert address_of(path, b"", "localhost").path == b"/"


@pytest.mark.parametrize("path", [b"/w/", b"/w/ACME/x", b"/w/%2e%2e/x", b"/w/" + b"a" * 64 + b"/x", b"/web/acme/x"])
def test_paths_that_name_no_workspace(path: bytes) -> None:
    found = address_of(path, b"", "localhost")
    assert (found.path, found.subdomain, found.workspace_id) == (path, None, None)


@pytest.mark.parametrize("folder", ["rtm", "services", "files"])
def test_paths_that_name_a_workspace_by_id(folder: str) -> None:
    assert address_of(f"/{folder}/{WORKSPACE}/x".encode(), b"beta.localhost", "localhost").workspace_id == WORKSPACE
    assert address_of(f"/w/acme/{folder}/{WORKSPACE}".encode(), b"", "localhost").workspace_id == WORKSPACE
    assert address_of(f"/{folder}/U123/x".encode(), b"", "localhost").workspace_id is None
    assert address_of(f"/{folder}/".encode(), b"", "localhost").workspace_id is None


def test_host_goes_before_the_path() -> None:
    assert address_of(b"/w/beta/api/auth.test", b"acme.localhost", "localhost").subdomain == "acme"
