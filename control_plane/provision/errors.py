"""What keeps a server or a process from being provided. Each message is one line that a person can act on."""

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
