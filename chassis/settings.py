"""Settings: frozen dataclasses read once from environment variables, refused in one line when they are wrong.

    @dataclass(frozen=True, kw_only=True)
    class CellSettings:
        name: str = setting("WAGGLE_CELL_NAME", help="which cell this process belongs to")
        pool_size: int = setting("WAGGLE_CELL_POOL_SIZE", default=10, min=1, max=100, help="database connections")
        tls: Tls = field(default_factory=Tls)

    load(CellSettings, os.environ, prefixes=("WAGGLE_CELL_",))

A field whose type is itself such a dataclass is read from the same variables.
"""

import difflib
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from chassis.errors import SettingsError

T = TypeVar("T")
_KEY = "waggle.setting"
_HOSTLESS = ("file", "memory", "unix")
_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one variable; `help` is one line for the documentation."""

    variable: str
    help: str
    min: float | None
    max: float | None
    choices: tuple[str, ...]
    schemes: tuple[str, ...]
    secret: bool


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or to dial, from `host:port` or `[::1]:port`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def setting(
    variable: str,
    *,
    default: Any = MISSING,
    help: str = "",
    min: float | None = None,
    max: float | None = None,
    choices: Sequence[str] = (),
    schemes: Sequence[str] = (),
    secret: bool = False,
) -> Any:
    """A dataclass field read from `variable`; without a default it must be set. A secret's value is never shown.

    `schemes`: the value is a URL with one of them and, but for files and sockets, a host.
    """
    about = Setting(variable, help, min, max, tuple(choices), tuple(schemes), secret)
    return field(default=default, kw_only=True, metadata={_KEY: about})


def load(cls: type[T], environ: Mapping[str, str], prefixes: Sequence[str] = ()) -> T:
    """Read every field of `cls`. An empty variable counts as not set.

    Raises SettingsError for a missing or bad value, and for a variable that begins with one of `prefixes` and is not a field.
    """
    refuse_unknown(environ, prefixes, cls)
    return _read(cls, environ)


def refuse_unknown(environ: Mapping[str, str], prefixes: Sequence[str], *classes: type) -> None:
    """Raise SettingsError for a variable under `prefixes` that none of `classes` knows: most likely a slip of the pen."""
    known = [about.variable for cls in classes for about in settings_of(cls)]
    for variable in sorted(environ):
        if variable.startswith(tuple(prefixes)) and variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(sorted(known))}"
            raise SettingsError(f"{variable} is not a setting; {hint}")


def settings_of(cls: type) -> Iterator[Setting]:
    """Every variable that `cls` reads, its nested dataclasses included."""
    hints = typing.get_type_hints(cls)
    for each in fields(cls):
        if _KEY in each.metadata:
            yield each.metadata[_KEY]
        elif is_dataclass(hints[each.name]):
            yield from settings_of(hints[each.name])


def _read(cls: type[T], environ: Mapping[str, str]) -> T:
    hints = typing.get_type_hints(cls)
    values = {each.name: _value(each, hints[each.name], environ) for each in fields(cls)}  # type: ignore[arg-type]
    return cls(**values)


def _value(each: Field[Any], hint: Any, environ: Mapping[str, str]) -> Any:
    if _KEY not in each.metadata and is_dataclass(hint):
        return _read(typing.cast("type[Any]", hint), environ)
    about: Setting = each.metadata[_KEY]
    text = environ.get(about.variable, "").strip()
    if not text:
        return _default(each, about)
    try:
        value = _parse(text, hint)
    except ValueError as wrong:
        raise _refusal(about, text, str(wrong)) from None
    _check(about, text, value)
    return value


def _default(each: Field[Any], about: Setting) -> Any:
    if each.default is MISSING:
        raise SettingsError(f"{about.variable} is not set" + (f"; it is {about.help}" if about.help else ""))
    return each.default


def _check(about: Setting, text: str, value: Any) -> None:
    if about.choices and value not in about.choices:
        raise _refusal(about, text, f"one of {', '.join(about.choices)}")
    if about.schemes and not _is_url(text, about.schemes):
        raise _refusal(about, text, " or ".join(f"{scheme}://…" for scheme in about.schemes))
    low, high = about.min, about.max
    if isinstance(value, int | float) and not (low is None or value >= low):
        raise _refusal(about, text, f"at least {low:g}")
    if isinstance(value, int | float) and not (high is None or value <= high):
        raise _refusal(about, text, f"at most {high:g}")


def _is_url(text: str, schemes: Sequence[str]) -> bool:
    try:
        found = urlsplit(text)
        return found.scheme in schemes and (bool(found.hostname) or found.scheme in _HOSTLESS) and found.port != 0
    except ValueError:  # brackets or a port that are none
        return False


def _refusal(about: Setting, text: str, allowed: str) -> SettingsError:
    shown = "its value (hidden)" if about.secret else repr(text[:100])
    return SettingsError(f"{about.variable}: {shown} is not allowed; it must be {allowed}")


def _parse(text: str, hint: Any) -> Any:
    """The value of `text` as the type `hint`; ValueError says what would be allowed."""
    hint = _bare(hint)
    if hint is bool:
        return _bool(text)
    if hint in (int, float):
        return _number(text, hint)
    if hint is Address:
        return parse_address(text)
    if typing.get_origin(hint) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if hint in (str, Path):
        return hint(text)
    raise TypeError(f"no way to read a {hint} from a variable")


def _bare(hint: Any) -> Any:
    """`X` of `X | None` and of NewType("Y", X)."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
    return getattr(hint, "__supertype__", hint)


def _bool(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ValueError(f"one of {', '.join(_WORDS)}")
    return _WORDS[text.lower()]


def _number(text: str, kind: type[int] | type[float]) -> int | float:
    try:
        value = kind(text)
    except ValueError:
        raise ValueError("a whole number" if kind is int else "a number") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("a finite number")
    return value


def parse_address(text: str) -> Address:
    """`host:port`, port 0-65535, IPv6 hosts in brackets; ValueError otherwise."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:\[\]/]+)):([0-9]{1,5})", text)
    if found is None or int(found[3]) > 65535:
        raise ValueError("host:port")
    return Address(found[1] or found[2], int(found[3]))
