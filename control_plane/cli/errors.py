"""What ends a command: one line on stderr and an exit code."""

from pathlib import Path

from chassis.errors import WaggleError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_RUNNING = 3


class CliError(WaggleError):
    """`exit_code`: 1 refused or failed, 2 the command line is wrong, 3 no platform is running."""

    code = "command_failed"

    def __init__(self, line: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(" ".join(line.split()))
        self.exit_code = exit_code


class NotRunning(CliError):
    code = "not_running"

    def __init__(self, home: Path) -> None:
        super().__init__(f"no platform is running in {home}; start one with: waggle up", EXIT_NOT_RUNNING)
