"""`python -m migrations cell|control_plane URL`: bring a database up to date. WAGGLE_APP_PASSWORD sets waggle_app's password.

WAGGLE_MIGRATION_LOCK_TIMEOUT_S and WAGGLE_MIGRATION_STATEMENT_TIMEOUT_S bound each statement. What the database refuses is said in
the last line of stderr, as JSON: {"why", "statement", "blockers": [{"pid", "application", "query"}]}.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict

from migrations.environment import Limits, MigrationFailed, Plane, migrate

USAGE = "usage: python -m migrations cell|control_plane postgresql://OWNER:PASSWORD@HOST:PORT/DATABASE"
EXIT_REFUSED = 1
EXIT_USAGE = 2


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in ("cell", "control_plane"):
        sys.stderr.write(f"{USAGE}\n")
        return EXIT_USAGE
    plane: Plane = "cell" if arguments[0] == "cell" else "control_plane"
    try:
        limits = limits_of(os.environ)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    try:
        revision = asyncio.run(migrate(plane, arguments[1], os.environ.get("WAGGLE_APP_PASSWORD"), limits=limits))
    except MigrationFailed as failed:
        told = {"why": failed.why, "statement": failed.statement, "blockers": [asdict(one) for one in failed.blockers]}
        sys.stderr.write(f"{json.dumps(told)}\n")
        return EXIT_REFUSED
    sys.stdout.write(f"{plane} {revision}\n")
    return 0


def limits_of(environ: Mapping[str, str]) -> Limits:
    """Raises ValueError naming the variable."""
    usual = Limits()
    return Limits(
        lock_timeout_s=_seconds(environ, "WAGGLE_MIGRATION_LOCK_TIMEOUT_S", usual.lock_timeout_s),
        statement_timeout_s=_seconds(environ, "WAGGLE_MIGRATION_STATEMENT_TIMEOUT_S", usual.statement_timeout_s),
    )


def _seconds(environ: Mapping[str, str], variable: str, usual: float) -> float:
    text = environ.get(variable, "")
    try:
        value = float(text) if text else usual
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86_400:
        raise ValueError(f"{variable}: {text!r} is not allowed; it must be seconds, 0 (no limit) to 86400")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
