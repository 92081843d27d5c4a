"""Tests that need a Kubernetes API say why they are skipped, and wait for a build no longer than they are told."""

import time
from pathlib import Path

import pytest

from tests.harness import kubernetes


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone in which nothing is built, on a machine that has none of it."""
    monkeypatch.setattr(kubernetes, "BIN", tmp_path)
    monkeypatch.setattr(kubernetes, "UNAVAILABLE", tmp_path / "unavailable")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(kubernetes.UNTIL_VARIABLE, raising=False)
    return tmp_path


def why() -> str:
    with pytest.raises(pytest.skip.Exception) as skipped:
        kubernetes.tool("helm")
    return str(skipped.value)


def test_nobody_builds_them() -> None:
    assert "`make kubernetes-tools` builds it" in why()
    assert not kubernetes.under_way()


def test_they_cannot_be_built(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kubernetes.UNTIL_VARIABLE, str(time.time() + 60))
    assert kubernetes.under_way()
    (nowhere / "unavailable").write_text("no Go on this machine\n")
    assert why() == "no helm on this machine: no Go on this machine; tests on a Kubernetes API are skipped"
    assert not kubernetes.under_way()


def test_they_are_not_built_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kubernetes.UNTIL_VARIABLE, str(time.time() - 1))
    assert "still being built when the time for it was up" in why()
    assert not kubernetes.under_way()
