"""The whole table of what bad input gets, walked from outside against real processes; after each, the platform serves as before."""

import contextlib
import json
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import grpc
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from control_plane.provision.processes import free_port
from protos.admin.v1 import admin_pb2
from protos.cell.v1 import cell_pb2
from protos.directory.v1 import directory_pb2
from protos.tunnel.v1 import tunnel_pb2
from tests.harness.platform import Platform, Refused
from tests.harness.slack import web_client
from tests.system.conftest import Workspace

pytestmark = pytest.mark.system
MIB = 1 << 20
NOBODYS_TOKEN = "xoxp-1000000000000000-1000000000-1000000-" + "ab" * 16
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def post(platform: Platform, method: str, body: bytes, kind: str, token: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    """(status, answer); the answer must be JSON without a word of how the server is built."""
    url = platform.api.removesuffix("/api/") + method if method.startswith("/") else platform.api + method
    given = {"Content-Type": kind, **({"Authorization": f"Bearer {token}"} if token else {}), **headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, given), timeout=30) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    assert b"Traceback" not in text and b'File "' not in text
    return status, json.loads(text)


def word(platform: Platform, method: str, body: bytes, kind: str, token: str = "") -> str:
    status, answer = post(platform, method, body, kind, token)
    assert status == 200 and answer["ok"] is False
    return str(answer["error"])


def refused(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as error:
        call(**arguments)
    return str(error.value.response["error"])


def a_channel(client: WebClient) -> str:
    return str(client.conversations_list()["channels"][0]["id"])


@pytest.fixture(autouse=True)
def serves_as_before(platform: Platform, acme: Workspace, globex: Workspace) -> Any:
    pids = {name: platform.pid(name) for name in ("control-plane", "router", "cell-1", "cell-2")}
    yield
    for workspace in (acme, globex):
        assert web_client(platform, workspace.owner).auth_test()["ok"]
    assert {name: platform.pid(name) for name in pids} == pids, "a process died"


# tokens


@pytest.mark.parametrize("token", ["x", "xoxb-", "xoxb-1-2-3", NOBODYS_TOKEN, "xoxp-" + "9" * 400, "Ünïcode", "' OR 1=1 --"])
def test_bad_token(platform: Platform, token: str) -> None:
    body = b"token=" + urllib.parse.quote(token).encode()
    assert word(platform, "auth.test", body, FORM) == "invalid_auth"
    assert word(platform, "conversations.list", json.dumps({"token": token}).encode(), JSON) == "invalid_auth"


def test_token_of_a_workspace_with_one_digit_changed(platform: Platform, acme: Workspace) -> None:
    forged = acme.owner[:-1] + ("0" if acme.owner[-1] != "0" else "1")
    assert word(platform, "auth.test", b"", FORM, forged) == "invalid_auth"


def test_no_token(platform: Platform) -> None:
    assert word(platform, "auth.test", b"", FORM) == "not_authed"


def test_ids_of_another_workspace_do_not_exist(platform: Platform, acme: Workspace, globex: Workspace) -> None:
    """I7: the same answer as for an id that nobody has, by every method that takes a channel."""
    ours, theirs = web_client(platform, acme.owner), web_client(platform, globex.owner)
    secret = a_channel(theirs)
    ts = theirs.chat_postMessage(channel=secret, text="secret")["ts"]
    for channel in (secret, "C" + "0" * len(secret[1:])):
        answers = {
            refused(ours.chat_postMessage, channel=channel, text="x"),
            refused(ours.chat_update, channel=channel, ts=ts, text="x"),
            refused(ours.chat_delete, channel=channel, ts=ts),
            refused(ours.conversations_info, channel=channel),
            refused(ours.conversations_join, channel=channel),
            refused(ours.conversations_leave, channel=channel),
            refused(ours.conversations_members, channel=channel),
            refused(ours.conversations_history, channel=channel),
            refused(ours.conversations_replies, channel=channel, ts=ts),
            refused(ours.reactions_add, channel=channel, timestamp=ts, name="x"),
            refused(ours.reactions_get, channel=channel, timestamp=ts),
        }
        assert answers == {"channel_not_found"}
    stranger = theirs.auth_test()["user_id"]
    assert refused(ours.users_info, user=stranger) == refused(ours.users_info, user="U0NOBODY00") == "user_not_found"
    assert theirs.conversations_history(channel=secret)["messages"][0]["text"] == "secret"


# bodies


@pytest.mark.parametrize(
    "body", [b"{", b'{"a":', b"\xff", b'{"channel":"\xff"}', b"[" * 100_000, b'{"a":' * 50_000, b'{"a":1}x', b'{"text":"\\ud800"}']
)
def test_malformed_json(platform: Platform, acme: Workspace, body: bytes) -> None:
    assert word(platform, "chat.postMessage", body, JSON, acme.owner) == "invalid_json"


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"'])
def test_json_that_is_no_object(platform: Platform, acme: Workspace, body: bytes) -> None:
    assert word(platform, "chat.postMessage", body, JSON, acme.owner) == "json_not_object"


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (b"x", "multipart/form-data", "invalid_form_data"),
        (b"--x\r\n\r\nfoo", "multipart/form-data; boundary=x", "invalid_form_data"),
        (b"--x\r\nA: " + b"b" * 200_000 + b"\r\n\r\nfoo\r\n--x--", "multipart/form-data; boundary=x", "invalid_form_data"),
        (b"&".join(b"a%d=1" % n for n in range(50_000)), FORM, "invalid_form_data"),
        (b"<a/>", "text/xml", "invalid_post_type"),
        (b"channel=C1&text=%00", FORM, "invalid_arguments"),
    ],
)
def test_malformed_forms(platform: Platform, acme: Workspace, body: bytes, kind: str, error: str) -> None:
    assert word(platform, "chat.postMessage", body, kind, acme.owner) == error


def test_text_too_long(platform: Platform, acme: Workspace) -> None:
    client = web_client(platform, acme.owner)
    channel = a_channel(client)
    ts = client.chat_postMessage(channel=channel, text="x" * 40_000)["ts"]
    assert refused(client.chat_postMessage, channel=channel, text="x" * 40_001) == "msg_too_long"
    assert refused(client.chat_update, channel=channel, ts=ts, text="x" * 40_001) == "msg_too_long"


@pytest.mark.parametrize("token", ["", NOBODYS_TOKEN, "owner"])
def test_body_over_the_limit(platform: Platform, acme: Workspace, token: str) -> None:
    token = acme.owner if token == "owner" else token
    status, answer = post(platform, "chat.postMessage", b"x" * (MIB + 1), FORM, token)
    assert (status, answer["ok"]) == (413, False)


def test_body_over_the_limit_that_does_not_say_so(platform: Platform, acme: Workspace) -> None:
    head = f"POST /api/chat.postMessage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {acme.owner}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert said(platform.port, head.encode() + chunk * 17 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413")


# places that are not


@pytest.mark.parametrize("host", ["nobody.localhost", "NOBODY.localhost:1", "a.b.localhost", "x" * 300 + ".localhost"])
def test_unknown_workspace_by_host(platform: Platform, host: str) -> None:
    status, answer = post(platform, "auth.test", b"", FORM, Host=host)
    assert (status, answer["error"]) in ((404, "team_not_found"), (200, "not_authed"))


def test_unknown_workspace_by_path_and_unknown_path(platform: Platform) -> None:
    assert post(platform, "/w/nobody/api/auth.test", b"", FORM) == (404, {"ok": False, "error": "team_not_found"})
    assert post(platform, "/no/such/place", b"", FORM) == (404, {"ok": False, "error": "not_found"})


@pytest.mark.parametrize("method", ["no.such", "a%00b", "x" * 5_000, "%2e%2e/admin"])
def test_unknown_method(platform: Platform, acme: Workspace, method: str) -> None:
    assert word(platform, method, b"", FORM, acme.owner) == "unknown_method"


def test_suspended_workspace(platform: Platform) -> None:
    made = platform.workspace("sleepy", cell="cell-1")
    token = made["tokens"]["owner"]
    platform.waggle("workspace", "suspend", "sleepy")
    assert word(platform, "auth.test", b"", FORM, token) == "account_inactive"
    platform.waggle("workspace", "resume", "sleepy")
    assert web_client(platform, token).auth_test()["ok"]


# connections


def said(port: int, what: bytes, wait_s: float = 15) -> bytes:
    """All that a port says to these bytes until it hangs up; `wait_s` without a word is a failure."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_s) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(what)
        while part := connection.recv(65_536):
            answer += part
            if b"HTTP/1.1 413" in answer:
                break
    return answer


def port_of(platform: Platform, name: str) -> int:
    return int(json.loads((platform.home / "ports.json").read_text())[name])


def test_header_flood(platform: Platform) -> None:
    flood = b"".join(b"X-%d: " % n + b"y" * 1_000 + b"\r\n" for n in range(500))
    answer = said(platform.port, b"GET /api/api.test HTTP/1.1\r\nHost: x\r\n" + flood)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")


def ended(connection: socket.socket) -> bool:
    """Whether the other side hangs up within the socket's timeout, whatever it says before."""
    try:
        with connection, contextlib.suppress(ConnectionError):
            while connection.recv(4_096):
                pass
    except TimeoutError:
        return False
    return True


def test_slow_loris_and_silence_are_cut(platform: Platform) -> None:
    """I8: a header has 10 s; neither a silent connection nor half a header holds one for longer."""
    silent = [socket.create_connection(("127.0.0.1", platform.port), timeout=20) for _ in range(50)]
    for connection in silent[:25]:
        connection.sendall(b"POST /api/api.test HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    assert [ended(connection) for connection in silent] == [True] * 50


GARBAGE = [b"\0" * 100, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 4_000, os.urandom(10_000)]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("process", ["cell-1", "control-plane"])
def test_garbage_on_a_grpc_port(platform: Platform, process: str, garbage: bytes) -> None:
    assert b"Traceback" not in said(port_of(platform, process), garbage)


def test_garbage_in_a_tunnel_ends_that_stream_only(platform: Platform) -> None:
    bearer = (("authorization", f"Bearer {(platform.home / 'cluster-token').read_text().strip()}"),)
    with grpc.insecure_channel(f"127.0.0.1:{port_of(platform, 'cell-1')}") as channel:
        for method in ("Connect", "Carry"):
            start: Any = channel.stream_stream(f"/protos.tunnel.v1.Tunnel/{method}", None, None)
            call = start(iter([b"\xff\xff"]), metadata=bearer, timeout=10)
            with pytest.raises(grpc.RpcError) as broken:
                list(call)
            assert broken.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "Traceback" not in (broken.value.details() or "")


# planes


@pytest.mark.parametrize(
    ("process", "module"), [("control-plane", admin_pb2), ("control-plane", directory_pb2), ("cell-1", cell_pb2), ("cell-1", tunnel_pb2)]
)
def test_every_rpc_needs_the_credential(platform: Platform, process: str, module: Any) -> None:
    token = (platform.home / "cluster-token").read_text().strip()
    wrong = [
        (),
        (("authorization", "Bearer " + "x" * len(token)),),
        (("authorization", f"Bearer {token[:-1]}"),),
        (("authorization", token),),
    ]
    methods = [f"/{service.full_name}/{one.name}" for service in module.DESCRIPTOR.services_by_name.values() for one in service.methods]
    assert methods
    with grpc.insecure_channel(f"127.0.0.1:{port_of(platform, process)}") as channel:
        for method in methods:
            for metadata in wrong:
                with pytest.raises(grpc.RpcError) as error:
                    list(channel.stream_stream(method, None, None)(iter([b""]), metadata=metadata, timeout=10))
                assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED, method


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"WAGGLE_ROUTER_WORKERS": "many"}, "WAGGLE_ROUTER_WORKERS: 'many' is not allowed; it must be a whole number"),
        ({"WAGGLE_ROUTER_WORKRS": "2"}, "WAGGLE_ROUTER_WORKRS is not a setting; did you mean WAGGLE_ROUTER_WORKERS?"),
        ({"WAGGLE_ROUTER_LISTEN": "127.0.0.1:1"}, "WAGGLE_ROUTER_LISTEN is decided by waggle up"),
        ({"WAGGLE_LOG_LEVEL": "loud"}, "WAGGLE_LOG_LEVEL: 'loud' is not allowed; it must be one of debug, info"),
        ({"WAGGLE_ROUTER_CERTIFICATE": "/etc/hostname", "WAGGLE_ROUTER_KEY": "/etc/hostname"}, "must be a PEM chain and its key"),
    ],
)
def test_a_settings_mistake_stops_the_start_with_one_line(tmp_path: Any, settings: dict[str, str], line: str) -> None:
    mistaken = Platform(tmp_path / "home", free_port(), settings)
    with pytest.raises(Refused) as refusal:
        mistaken.up(cells=1)
    assert line in refusal.value.line.splitlines()[-1]
    assert "Traceback" not in refusal.value.line
    assert not list((mistaken.home / "run").glob("*.json")), "something was left running"


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused) as refusal:
        Platform(tmp_path / "file", free_port()).up(cells=1)
    assert refusal.value.line.count("\n") == 0
    assert "cannot be used" in refusal.value.line


def test_nothing_of_all_this_left_a_stack_trace_in_a_log(platform: Platform) -> None:
    """Last in the file: what was refused on purpose is no failure of ours."""
    logs = {path.name: path.read_text(errors="replace") for path in (platform.home / "logs").iterdir()}
    assert [name for name, text in logs.items() if "Traceback" in text] == []
