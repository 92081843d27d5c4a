"""What chat was seen to answer: (method, `ok` or the error's word), written down by the harness, claimed by nobody.

A run in several processes keeps what each of them saw in a folder (`--shown`), for the test that judges them together.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

OK = "ok"
API = "/api/"
SHOWN: set[tuple[str, str]] = set()
"""By this process."""
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Shown:
    pairs: frozenset[tuple[str, str]]
    files: frozenset[str]
    """Whose tests ran to the end."""


def write_down(path: str, body: bytes) -> None:
    if not path.startswith(API):
        return
    answer = json.loads(body)
    SHOWN.add((path.removeprefix(API).rstrip("/"), OK if answer.get("ok") else answer["error"]))


def kept(folder: Path) -> Shown:
    """What all processes of the run saw."""
    told = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    pairs = frozenset((method, word) for one in told for method, word in one["pairs"])
    return Shown(pairs, frozenset(name for one in told for name in one["files"]))


_RAN: set[str] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shown", type=Path, help="a folder for what chat was seen to answer; tests/contract/test_subtraction.py judges it")


def pytest_runtest_teardown(item: pytest.Item) -> None:
    _RAN.add(str(item.path.relative_to(TESTS)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    folder: Path | None = session.config.getoption("--shown")
    if folder is not None and SHOWN:
        folder.mkdir(parents=True, exist_ok=True)
        told = {"pairs": sorted(SHOWN), "files": sorted(_RAN)}
        (folder / f"{os.getpid()}.json").write_text(json.dumps(told))
