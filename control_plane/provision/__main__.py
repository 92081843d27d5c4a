"""`python -m control_plane.provision OPTIONS`: the supervisor of a detached platform; OPTIONS is UpOptions as JSON."""

import json
import sys
from pathlib import Path

from control_plane.provision.supervisor import UpOptions, up

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    sys.exit(up(UpOptions(**{**given, "home": Path(given["home"])})))
