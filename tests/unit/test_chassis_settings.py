"""Settings: typed values from variables, or one line that says what is wrong."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chassis.errors import SettingsError
from chassis.identity import CellName
from chassis.rpc import Tls
from chassis.settings import Address, load, parse_address, refuse_unknown, setting, settings_of


@dataclass(frozen=True, kw_only=True)
class Pool:
    size: int = setting("WAGGLE_T_POOL_SIZE", default=10, min=1, max=100)


@dataclass(frozen=True, kw_only=True)
class Example:
    name: CellName = setting("WAGGLE_T_NAME", help="the cell's name")
    role: str = setting("WAGGLE_T_ROLE", default="all", choices=("all", "api"))
    url: str = setting("WAGGLE_T_URL", default="x", choices=("x",), secret=True)
    ratio: float = setting("WAGGLE_T_RATIO", default=0.5, min=0, max=1)
    quick: bool = setting("WAGGLE_T_QUICK", default=False)
    home: Path = setting("WAGGLE_T_HOME", default=Path("/tmp"))
    hosts: tuple[str, ...] = setting("WAGGLE_T_HOSTS", default=())
    proxy: str | None = setting("WAGGLE_T_PROXY", default=None)
    listen: Address = setting("WAGGLE_T_LISTEN", default=Address("127.0.0.1", 0))
    pool: Pool = field(default_factory=Pool)
    tls: Tls = field(default_factory=Tls)


def test_reads_every_type() -> None:
    read = load(
        Example,
        {
            "WAGGLE_T_NAME": "a1",
            "WAGGLE_T_RATIO": "0.25",
            "WAGGLE_T_QUICK": "Yes",
            "WAGGLE_T_HOME": "/srv",
            "WAGGLE_T_HOSTS": "a, b,",
            "WAGGLE_T_PROXY": "p",
            "WAGGLE_T_LISTEN": "[::1]:80",
            "WAGGLE_T_POOL_SIZE": "7",
            "WAGGLE_TLS_CA": "/ca.pem",
            "HOME": "/root",
        },
        prefixes=("WAGGLE_T_",),
    )
    assert read == Example(
        name=CellName("a1"),
        ratio=0.25,
        quick=True,
        home=Path("/srv"),
        hosts=("a", "b"),
        proxy="p",
        listen=Address("::1", 80),
        pool=Pool(size=7),
        tls=Tls(ca=Path("/ca.pem")),
    )


def test_an_empty_variable_is_not_set() -> None:
    assert load(Example, {"WAGGLE_T_NAME": "a1", "WAGGLE_T_POOL_SIZE": " ", "WAGGLE_T_PROXY": ""}) == Example(name=CellName("a1"))


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"WAGGLE_T_NAME": ""}, "WAGGLE_T_NAME is not set; it is the cell's name"),
        ({"WAGGLE_T_ROLE": "boss"}, "WAGGLE_T_ROLE: 'boss' is not allowed; it must be one of all, api"),
        ({"WAGGLE_T_POOL_SIZE": "ten"}, "WAGGLE_T_POOL_SIZE: 'ten' is not allowed; it must be a whole number"),
        ({"WAGGLE_T_POOL_SIZE": "0"}, "WAGGLE_T_POOL_SIZE: '0' is not allowed; it must be at least 1"),
        ({"WAGGLE_T_POOL_SIZE": "101"}, "WAGGLE_T_POOL_SIZE: '101' is not allowed; it must be at most 100"),
        ({"WAGGLE_T_RATIO": "nan"}, "WAGGLE_T_RATIO: 'nan' is not allowed; it must be a finite number"),
        ({"WAGGLE_T_RATIO": "inf"}, "WAGGLE_T_RATIO: 'inf' is not allowed; it must be a finite number"),
        ({"WAGGLE_T_QUICK": "maybe"}, "WAGGLE_T_QUICK: 'maybe' is not allowed; it must be one of 1, true, yes, on, 0, false, no, off"),
        ({"WAGGLE_T_LISTEN": "here"}, "WAGGLE_T_LISTEN: 'here' is not allowed; it must be host:port"),
        ({"WAGGLE_T_URL": "sesame"}, "WAGGLE_T_URL: its value (hidden) is not allowed; it must be one of x"),
        ({"WAGGLE_T_POOLSIZE": "3"}, "WAGGLE_T_POOLSIZE is not a setting; did you mean WAGGLE_T_POOL_SIZE?"),
    ],
)
def test_a_mistake_is_one_line(variables: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(Example, {"WAGGLE_T_NAME": "a1", **variables}, prefixes=("WAGGLE_T_",))
    assert str(refused.value) == line


def test_an_unknown_name_with_nothing_near_it_lists_what_is_allowed() -> None:
    with pytest.raises(SettingsError, match=r"^WAGGLE_T_COLOUR_OF_THE_BIKE_SHED is not a setting; allowed: WAGGLE_T_POOL_SIZE$"):
        refuse_unknown({"WAGGLE_T_COLOUR_OF_THE_BIKE_SHED": "1"}, ["WAGGLE_T_"], Pool)


def test_other_peoples_variables_are_left_alone() -> None:
    refuse_unknown({"WAGGLE_CELL_X": "1", "PATH": ""}, ["WAGGLE_T_"], Pool)
    refuse_unknown({"WAGGLE_CELL_X": "1", "PATH": ""}, [], Pool)


def test_settings_know_their_variables() -> None:
    assert {about.variable for about in settings_of(Example)} >= {"WAGGLE_T_NAME", "WAGGLE_T_POOL_SIZE", "WAGGLE_TLS_KEY"}


@pytest.mark.parametrize("text", ["a:1", "127.0.0.1:0", "[::1]:65535", "cell-1.local:8080"])
def test_addresses_round_trip(text: str) -> None:
    assert str(parse_address(text)) == text


@pytest.mark.parametrize("text", ["", "a", ":1", "a:", "a:65536", "::1:80", "a b:1", "a:-1", "http://a:1"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        parse_address(text)


@dataclass(frozen=True, kw_only=True)
class Stores:
    cache: str = setting("WAGGLE_T_CACHE", default="redis://here", schemes=("redis", "unix"))


@pytest.mark.parametrize("url", ["redis://here", "redis://user:word@here:6379/0", "redis://[::1]:6379", "unix:///run/redis"])
def test_a_url_has_a_scheme_and_a_place(url: str) -> None:
    assert load(Stores, {"WAGGLE_T_CACHE": url}).cache == url


@pytest.mark.parametrize(
    "url", ["here:6379", "redis:/here", "redis://", "redis://:6379", "redis://here:x", "redis://[::1", "http://here", "//here"]
)
def test_what_is_no_such_url_is_refused_with_what_is(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^WAGGLE_T_CACHE: .* is not allowed; it must be redis://… or unix://…$"):
        load(Stores, {"WAGGLE_T_CACHE": url})
