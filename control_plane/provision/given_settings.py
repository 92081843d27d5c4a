"""Settings that whoever types `up` gives to the planes' processes, through the environment."""

from collections.abc import Mapping
from pathlib import Path

from chassis.errors import SettingsError

EVERYWHERE = ("WAGGLE_LOG_LEVEL", "WAGGLE_OTLP_ENDPOINT", "WAGGLE_TLS_CERT", "WAGGLE_TLS_KEY", "WAGGLE_TLS_CA", "WAGGLE_TLS_NAME")
SENDERS, MAIL = ("WAGGLE_CONTROL_", "WAGGLE_CELL_"), "WAGGLE_MAIL_"
PATHS = ("WAGGLE_TLS_CERT", "WAGGLE_TLS_KEY", "WAGGLE_TLS_CA", "WAGGLE_ROUTER_CERTIFICATE", "WAGGLE_ROUTER_KEY", "WAGGLE_MAIL_SPOOL")
PLANES = ("WAGGLE_CONTROL_", "WAGGLE_ROUTER_", "WAGGLE_CELL_")


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """What of our environment is for the processes of a platform. They judge it themselves: a slip of the pen stops the start."""
    return {name: value for name, value in environ.items() if value and (name in EVERYWHERE or name.startswith((*PLANES, MAIL)))}


def rooted(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The same, with paths as seen from `folder`: who reads them works in another."""
    return {name: str(folder / value) if value and name in PATHS else value for name, value in environ.items()}


def merged(given: Mapping[str, str], plane: str, own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of `plane`. Raises SettingsError for a given setting that the platform itself decides."""
    for name in sorted(given.keys() & own.keys()):
        raise SettingsError(f"{name} is decided by waggle up for each process of the platform; it cannot be set from outside")
    beginnings = (plane, MAIL) if plane in SENDERS else (plane,)
    meant = {name: value for name, value in given.items() if name in EVERYWHERE or name.startswith(beginnings)}
    return {**meant, **own}
