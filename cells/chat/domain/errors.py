"""The root of what chat refuses. `code` is the word Slack clients already switch on."""

from chassis.errors import WaggleError


class DomainError(WaggleError):
    """A refusal: nothing was stored. Sending the same again gets the same answer."""

    code = "fatal_error"
    messages: tuple[str, ...] = ()
    """What is wrong with each part of what was given, for `response_metadata`."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.code)
        self.detail = detail


class SwitchedOff(DomainError):
    """An operator has switched this off for now."""

    code = "service_unavailable"
