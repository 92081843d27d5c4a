"""Options that every verb takes."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Where the platform lives [default: $WAGGLE_HOME, else .waggle]", show_default=False),
]
