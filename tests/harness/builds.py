"""Versions of the platform made for a test: our own code by symbolic links, with one file of a cell's process replaced."""

import shutil
from pathlib import Path

import cells
import migrations
from migrations.environment import head_of

PACKAGES = ("chassis", "control_plane", "migrations", "protos", "router")
ROOT = Path(cells.__path__[0]).parent

_WRAPPED = """
import dataclasses, sys
import cells.chat.workload as workload
ours = workload.chat

async def refuse(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("this build fails")
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b"this build fails"})

workload.chat = lambda *given, **named: dataclasses.replace(ours(*given, **named), app=refuse)
sys.argv[0] = __file__
"""
FAILING = _WRAPPED + "exec(compile(open(OURS).read(), OURS, 'exec'))\n"
"""Ready, and answers every request with 500."""
NEVER_READY = "import time\ntime.sleep(600)\n"


_MIGRATION = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "9000_planted", {head!r}, None, None


def upgrade():
    for statement in {statements!r}:
        op.execute(statement)
"""


def with_migration(folder: Path, *statements: str) -> Path:
    """A build whose newest revision of a cell's schema, `9000_planted`, is these statements."""
    (folder / "migrations").unlink()
    copied(folder / "migrations", *statements)
    return folder


def copied(target: Path, *statements: str) -> None:
    """Our own migrations, and after them one of these statements, if there are any."""
    shutil.copytree(migrations.__path__[0], target, ignore=shutil.ignore_patterns("__pycache__"))
    if statements:
        (target / "cell" / "versions" / "9000_planted.py").write_text(_MIGRATION.format(head=head_of("cell"), statements=statements))


def a_build(folder: Path, entry: str | None = None) -> Path:
    """`entry`: what `python -m cells.app` is in it; none: as ours."""
    app = folder / "cells" / "app"
    app.mkdir(parents=True)
    for package in PACKAGES:
        (folder / package).symlink_to(Path(migrations.__path__[0]).parent / package)
    _link_all_but("app", ROOT / "cells", folder / "cells")
    _link_all_but("__main__.py", ROOT / "cells" / "app", app)
    ours = ROOT / "cells" / "app" / "__main__.py"
    (app / "__main__.py").write_text(ours.read_text() if entry is None else entry.replace("OURS", repr(str(ours))))
    return folder


def _link_all_but(left_out: str, source: Path, target: Path) -> None:
    for one in source.iterdir():
        if one.name not in (left_out, "__pycache__"):
            (target / one.name).symlink_to(one)
