"""What keeps a server or a process from being provided. Each message is one line that a person can act on."""

from dataclasses import dataclass

from chassis.errors import WaggleError


class ProvisionError(WaggleError):
    code = "provision_failed"


class PortTaken(ProvisionError):
    code = "port_taken"

    def __init__(self, port: int, wanted_by: str) -> None:
        super().__init__(f"port {port} on 127.0.0.1 is taken by another program; {wanted_by} needs it")
        self.port = port


class StartFailed(ProvisionError):
    code = "start_failed"

    def __init__(self, what: str, why: str, log: object) -> None:
        super().__init__(f"{what} did not start: {why} (log: {log})")


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that held what a migration waited for."""

    pid: int
    application: str
    query: str
    """What it does, or did last."""


class MigrationHalted(ProvisionError):
    """Nothing of it remains: a migration is one transaction."""

    code = "migration_halted"

    def __init__(self, cell: str, why: str, statement: str, blockers: tuple[Blocker, ...] = ()) -> None:
        held = "".join(f"; held by pid {one.pid} ({one.application}): {one.query}" for one in blockers)
        super().__init__(f"{cell}: {why} at: {statement}{held}" if statement else f"{cell}: {why}")
        self.statement = statement
        self.blockers = blockers
