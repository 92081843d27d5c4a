"""How far an import is. Facts alone."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Lines of an entry of the archive that are taken; every entry before it is."""

    entry: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Something of the archive that was left out, or is not quite as it was there."""

    kind: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """What of the archive goes by another id here, and which conversation a folder holds."""

    ids: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Import:
    import_id: str
    name: str
    place: Place
    counts: dict[str, int]
    mapping: Mapping
    notes: int
    """How many there are; each has its number, from 1."""
    started_us: int
    updated_us: int
    finished_us: int = 0
    """0: not yet."""
