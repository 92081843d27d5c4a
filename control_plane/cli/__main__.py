"""`waggle`: the platform's command. Whatever goes wrong is one line on stderr and an exit code that is not 0."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from chassis.errors import WaggleError
from control_plane.cli.errors import EXIT_FAILED, EXIT_USAGE, CliError
from control_plane.cli.program import program

EXIT_INTERRUPTED = 130


def main() -> NoReturn:
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """One command; returns the exit code."""
    # gRPC writes its own view of things to stderr, where people expect ours alone.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        ended = get_command(program()).main(args=list(words), prog_name="waggle", standalone_mode=False)
    except CliError as error:
        return _said(error, error.exit_code)
    except WaggleError as error:
        return _said(error, EXIT_FAILED)
    except TyperException as error:
        return _said(error.format_message(), EXIT_USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return _said("interrupted", EXIT_INTERRUPTED)
    return ended if isinstance(ended, int) else 0


def _said(what: object, code: int) -> int:
    if line := " ".join(str(what).split()):  # empty where the help was shown instead
        sys.stderr.write(f"waggle: {line}\n")
    return code


if __name__ == "__main__":
    main()
