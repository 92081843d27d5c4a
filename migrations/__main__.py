"""`python -m migrations cell|control_plane URL`: bring a database up to date. WAGGLE_APP_PASSWORD sets waggle_app's password."""

import asyncio
import os
import sys

from migrations.environment import Plane, migrate

USAGE = "usage: python -m migrations cell|control_plane postgresql://OWNER:PASSWORD@HOST:PORT/DATABASE"


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in ("cell", "control_plane"):
        sys.stderr.write(f"{USAGE}\n")
        return 2
    plane: Plane = "cell" if arguments[0] == "cell" else "control_plane"
    revision = asyncio.run(migrate(plane, arguments[1], os.environ.get("WAGGLE_APP_PASSWORD")))
    sys.stdout.write(f"{plane} {revision}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
