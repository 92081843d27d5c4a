"""Switches that operators turn while everything runs: what there is, for whom a word holds, and which word wins.

A word may be said of everything, of a cell, or of a workspace; the narrowest wins, and without any the surface is on. Every
process holds all words (ADR 21), so a workspace that moves is switched the same wherever it arrives.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

FLAGS_MAX = 5_000
"""Words in a set, in all."""


class Flag(StrEnum):
    SEARCH = "search"
    FILES = "files"
    APPS = "apps"
    PRESENCE = "presence"
    SIGN_UP = "sign-up"
    IMPORT = "import"
    GRAPHQL = "graphql"
    FINDER = "finder"


WHAT_STOPS: Mapping[Flag, str] = MappingProxyType(
    {
        Flag.SEARCH: "search.*; indexing goes on, so nothing is missing afterwards",
        Flag.FILES: "bytes: uploads, downloads, thumbnails, scans; files.info, list and delete go on",
        Flag.APPS: "every call and every socket message of a bot or an app",
        Flag.PRESENCE: "who is here: users.getPresence, setPresence, setActive and presence events; everyone is shown away",
        Flag.SIGN_UP: "new people: invitations, and accepting one; signing in goes on",
        Flag.IMPORT: "imports, those that run included; what they stored stays, and they go on when run again",
        Flag.GRAPHQL: "/graphql",
        Flag.FINDER: "finding one's workspaces by mail, at the edge; it belongs to no workspace, so global only",
    }
)
GLOBAL_ONLY = frozenset({Flag.FINDER})


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said of one flag; `cell` and `workspace_id` both empty: of everything."""

    name: str
    on: bool
    cell: str = ""
    workspace_id: str = ""


@dataclass(frozen=True, slots=True)
class FlagSet:
    """All words there are, as of a version of the directory; 0: none was ever said."""

    registry_id: str = ""
    version: int = 0
    words: tuple[Word, ...] = ()


NOTHING_SAID = FlagSet()


@dataclass(frozen=True, slots=True)
class Effect:
    on: bool
    decided_by: str
    """default | global | cell | workspace"""


def effect_of(words: Iterable[Word], name: str, *, cell: str = "", workspace_id: str = "") -> Effect:
    """What holds for a workspace in a cell (either may be empty), and whose word that is."""
    said = {(word.cell, word.workspace_id): word.on for word in words if word.name == name}
    narrowest_first = (("workspace", ("", workspace_id)), ("cell", (cell, "")), ("global", ("", "")))
    for scope, key in narrowest_first:
        if key in said and (scope == "global" or any(key)):
            return Effect(said[key], scope)
    return Effect(True, "default")


@dataclass(frozen=True, slots=True)
class _Plan:
    """One flag in one cell: what holds for most, and the workspaces for which the other holds."""

    off: bool
    others: frozenset[str]


class Switches:
    """What is off in one cell, made once from a set: a look-up is one or two hashes, whatever the number of words."""

    __slots__ = ("_plans",)

    def __init__(self, held: FlagSet = NOTHING_SAID, cell: str = "") -> None:
        by_name: dict[str, list[Word]] = defaultdict(list)
        for word in held.words:
            by_name[word.name].append(word)
        plans = {name: _plan(words, cell) for name, words in by_name.items()}
        self._plans = {name: plan for name, plan in plans.items() if plan.off or plan.others}

    def off(self, flag: Flag, workspace_id: str = "") -> bool:
        plan = self._plans.get(flag)
        return plan is not None and plan.off != (workspace_id in plan.others)


def _plan(words: list[Word], cell: str) -> _Plan:
    off = not effect_of(words, words[0].name, cell=cell).on
    return _Plan(off, frozenset(word.workspace_id for word in words if word.workspace_id and word.on == off))


class Switchboard:
    """What one process obeys. `take` puts a new mapping in place of the old one whole: nobody ever reads half a change."""

    __slots__ = ("_cell", "_switches", "held")

    def __init__(self, cell: str = "", held: FlagSet = NOTHING_SAID) -> None:
        """`cell`: the process's own; a router has none, and hears the global words alone."""
        self._cell = cell
        self.take(held)

    def take(self, held: FlagSet) -> None:
        self.held = held
        self._switches = Switches(held, cell=self._cell)

    def off(self, flag: Flag, workspace_id: str = "") -> bool:
        return self._switches.off(flag, workspace_id)
