"""The version before the newest change of a cell's tables, from git, over the tables as they are now."""

import ast
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from tests.harness.builds import copied

ROOT = Path(__file__).parents[2]
VERSIONS = "migrations/cell/versions"
CODE = ("chassis", "cells", "router", "control_plane", "migrations", "protos", "tests", "pyproject.toml")
RUN_S_MAX = 200.0


class NoHistory(Exception):
    """Why the version before cannot be had."""


@dataclass(frozen=True, slots=True)
class Previous:
    commit: str
    before: str
    """The revision whose coming it precedes."""


def previous_version() -> Previous:
    """The parent of the commit that gave the newest migration its first statement. Raises NoHistory."""
    if _git("rev-parse", "--is-inside-work-tree", check=False).strip() != "true":
        raise NoHistory(f"{ROOT} is no git work tree: nothing is known of the version before")
    found = [(*first, path) for path in _git("ls-files", VERSIONS).split() if (first := _first_with_statements(path))]
    if not found:
        raise NoHistory("no migration of a cell that does anything is committed")
    _, commit, path = max(found)
    parent = _git("rev-parse", "--verify", "--quiet", f"{commit}^", check=False).strip()
    if not parent:
        shallow = _git("rev-parse", "--is-shallow-repository").strip() == "true"
        raise NoHistory(f"the history ends at {commit[:10]}" + (", for the clone is shallow: git fetch --unshallow" if shallow else ""))
    return Previous(parent, Path(path).stem)


def unpack(previous: Previous, folder: Path, *statements: str) -> None:
    """Its code with our migrations; `statements`: what one more of them does."""
    archive = subprocess.run(["git", "archive", previous.commit, *CODE], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    (folder / "migrations").rename(folder / "its-own-migrations")
    copied(folder / "migrations", *statements)


def run_tests(folder: Path, tests: Sequence[str], words: str) -> subprocess.CompletedProcess[str]:
    """Those of the files `tests` that it has and whose names `words` choose, to the first that fails: with its code, its harness,
    a PostgreSQL of its own."""
    there = [test for test in tests if (folder / test).exists()]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", words, *there],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )


def _first_with_statements(path: str) -> tuple[int, str] | None:
    """When, and in which commit: reserved revisions are empty at first."""
    lines = _git("log", "--reverse", "--format=%ct %H", "--", path).splitlines()
    for number, line in enumerate(lines):
        committed_s, commit = line.split()
        if _does_something(_git("show", f"{commit}:{path}", check=False)):
            return int(committed_s) * 1_000 + number, commit
    return None


def _does_something(source: str) -> bool:
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    return any(not isinstance(line, ast.Pass | ast.Expr) or _is_call(line) for function in functions for line in function.body)


def _is_call(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and not isinstance(line.value, ast.Constant)


def _git(*words: str, check: bool = True) -> str:
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=check).stdout
    except FileNotFoundError:
        raise NoHistory("git is not installed") from None
