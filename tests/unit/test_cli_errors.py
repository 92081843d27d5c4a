"""Whatever is wrong, `waggle` says it in one line on stderr, nothing on stdout, and ends with a code that is not 0."""

import json
import re
import socket
from pathlib import Path

import pytest

from chassis.rpc import create_credential_file
from control_plane.cli.__main__ import run
from control_plane.provision.layout import Layout

VERBS = (
    ("status",),
    ("doctor",),
    ("doctor", "acme"),
    ("cell", "create"),
    ("cell", "list"),
    ("cell", "show", "cell-1"),
    ("workspace", "create", "acme"),
    ("workspace", "list"),
    ("workspace", "show", "acme"),
    ("workspace", "suspend", "acme"),
    ("workspace", "resume", "acme"),
    ("user", "add", "acme", "ann@acme.example"),
    ("token", "create", "acme"),
    ("audit", "list"),
)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("waggle: ") and err.count("\n") == 1
    return err


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["", "json"])
def test_without_a_platform_every_verb_says_so(
    verb: tuple[str, ...], flags: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*verb, *flags, "--home", str(tmp_path)]) == 3
    assert said(capsys) == f"waggle: no platform is running in {tmp_path}; start one with: waggle up\n"


def test_a_platform_that_went_away_is_not_running(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as bound:  # bound and not listening: connections are refused, and nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        recorded(tmp_path, control_plane=f"127.0.0.1:{bound.getsockname()[1]}")
        assert run(["status", "--home", str(tmp_path)]) == 3
    assert "no platform is running in" in said(capsys)


def test_home_comes_from_the_environment(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAGGLE_HOME", str(tmp_path / "mine"))
    assert run(["status"]) == 3
    assert f"in {tmp_path / 'mine'};" in said(capsys)
    monkeypatch.delenv("WAGGLE_HOME")
    monkeypatch.chdir(tmp_path)
    assert run(["status"]) == 3
    assert f"in {tmp_path / '.waggle'};" in said(capsys)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"control_plane": 1}', "\x00"])
def test_a_damaged_platform_file_is_named(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Layout(tmp_path).platform.write_text(text)
    assert run(["status", "--home", str(tmp_path)]) == 1
    assert "platform.json cannot be read" in said(capsys)


def test_a_credential_that_others_can_read_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(tmp_path, control_plane="127.0.0.1:1")
    Layout(tmp_path).token.chmod(0o644)
    assert run(["status", "--home", str(tmp_path)]) == 1
    assert "open to other users" in said(capsys)


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (["cell", "lst"], "No such command 'lst'"),
        (["workspace", "create"], "Missing argument"),
        (["workspace", "create", "--bogus", "x"], "No such option: --bogus"),
        (["up", "--cells", "0"], "--cells"),
        (["up", "--port", "70000"], "--port"),
        (["audit", "list", "--limit", "many"], "--limit"),
    ],
)
def test_a_wrong_command_line_is_one_line(words: list[str], about: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert about in said(capsys)


def test_every_verb_takes_json_and_home(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for verb in {*(words[:2] if words[0] not in ("doctor",) else words[:1] for words in VERBS), ("up",), ("down",)}:
        assert run([*verb, "--help"]) == 0
        shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        assert "--json" in shown and "--home" in shown, verb


def recorded(home: Path, control_plane: str) -> None:
    layout = Layout(home)
    layout.platform.write_text(json.dumps({"control_plane": control_plane, "public_url": "http://127.0.0.1:8080", "pid": 1}))
    create_credential_file(layout.token)


@pytest.mark.parametrize(
    ("address", "code", "line"),
    [
        ("127.0.0.1:1", 3, "waggle: nobody answers at 127.0.0.1:1, which WAGGLE_ADMIN_ADDRESS names\n"),
        ("nowhere", 1, "waggle: WAGGLE_ADMIN_ADDRESS: 'nowhere' is not allowed; it must be host:port\n"),
    ],
)
def test_a_control_plane_that_the_environment_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, address: str, code: int, line: str
) -> None:
    create_credential_file(tmp_path / "token")
    monkeypatch.setenv("WAGGLE_ADMIN_ADDRESS", address)
    monkeypatch.setenv("WAGGLE_CLUSTER_TOKEN_FILE", str(tmp_path / "token"))
    assert run(["status"]) == code
    assert said(capsys) == line
