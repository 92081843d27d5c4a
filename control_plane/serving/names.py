"""What names may look like; every refusal says what is allowed."""

import re

from control_plane.serving.refusals import InvalidRequest

_WORKSPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,19}[a-z0-9])?")
_CELL = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
RESERVED = frozenset({"api", "admin", "app", "rtm", "www", "w", "files", "status", "health"})
"""Names that would read as part of Waggle's own address."""


def check_workspace_name(name: str) -> None:
    if not _WORKSPACE.fullmatch(name):
        allowed = "1 to 21 of a-z, 0-9 and -, not at either end -"
        raise InvalidRequest(f"workspace name {name[:40]!r} is not allowed; allowed are {allowed}")
    if name in RESERVED:
        raise InvalidRequest(f"workspace name {name!r} is reserved; reserved are {', '.join(sorted(RESERVED))}")


def check_cell_name(name: str) -> None:
    if not _CELL.fullmatch(name):
        raise InvalidRequest(
            f"cell name {name[:40]!r} is not allowed; allowed are 2 to 32 of a-z, 0-9 and -, beginning with a letter and not ending with -"
        )


def check_word(name: str, what: str) -> None:
    """A region or a plan; empty is allowed."""
    if name and not _WORD.fullmatch(name):
        raise InvalidRequest(f"{what} {name[:40]!r} is not allowed; allowed are 1 to 32 of a-z, 0-9 and -")


def check_email(email: str) -> None:
    if not _EMAIL.fullmatch(email):
        raise InvalidRequest(f"{email[:60]!r} is not an e-mail address")
