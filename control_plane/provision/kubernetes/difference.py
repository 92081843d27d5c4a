"""What applying would change in an object: paths with the value before and after, for people to read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CHANGES_MAX = 200
SHOWN_MAX = 120
"""Characters of a value that are shown."""

KEPT_BY_SERVER = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Change:
    path: str
    before: str
    """Empty: nothing was there."""
    after: str
    """Empty: nothing will be there."""


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """At most CHANGES_MAX. What the server keeps for itself does not count; what is secret is not shown."""
    secret = after.get("kind") == "Secret"
    found = []
    for path, was, becomes in _walk(_meant(before), _meant(after), ""):
        hidden = secret and path.startswith(("data.", "stringData."))
        found.append(Change(path, "(hidden)", "(hidden)") if hidden else Change(path, _shown(was), _shown(becomes)))
        if len(found) == CHANGES_MAX:
            break
    return tuple(found)


def _meant(document: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in (document.get("metadata") or {}).items() if name not in KEPT_BY_SERVER}
    return {**{name: value for name, value in document.items() if name != "status"}, "metadata": metadata}


def _walk(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _walk_keys(before, after, path, ".")
    elif _named(before) and _named(after):
        yield from _walk_keys({one["name"]: one for one in before}, {one["name"]: one for one in after}, path, "[]")
    elif before != after:
        yield path, before, after


def _walk_keys(before: dict[str, Any], after: dict[str, Any], path: str, joint: str) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted({*before, *after}):
        deeper = f"{path}[{key}]" if joint == "[]" else f"{path}.{key}".lstrip(".")
        yield from _walk(before.get(key, _NOTHING), after.get(key, _NOTHING), deeper)


def _named(value: Any) -> bool:
    """A list that Kubernetes merges by name: containers, their environment, ports, volumes."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "name" in one for one in value)


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return ""
    text = " ".join(str(value).split()) or "''"
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"
