"""The folder a platform lives in, and what a command needs from it to connect."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from chassis.errors import SettingsError
from chassis.rpc import credential_from_file
from chassis.settings import parse_address
from control_plane.cli.errors import CliError, NotRunning
from control_plane.provision.layout import Layout

HOME_VARIABLE = "WAGGLE_HOME"
HOME_DEFAULT = ".waggle"
ADDRESS_VARIABLE = "WAGGLE_ADMIN_ADDRESS"
PUBLIC_URL_VARIABLE = "WAGGLE_PUBLIC_URL"
TOKEN_FILE_VARIABLE = "WAGGLE_CLUSTER_TOKEN_FILE"  # noqa: S105 - a variable's name
PLATFORM_FILE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Platform:
    home: Path
    control_plane: str
    """host:port"""
    public_url: str
    credential: str
    named: bool = False
    """By the environment; not one that `waggle up` started in `home`."""


def home_of(option: Path | None) -> Path:
    """`--home`, else WAGGLE_HOME, else `.waggle` in the current directory."""
    return (option or Path(os.environ.get(HOME_VARIABLE) or HOME_DEFAULT)).expanduser().absolute()


def running_platform(home: Path) -> Platform:
    """The control plane that the environment names, else the one that a supervisor wrote down in `home`. Raises NotRunning or CliError."""
    if address := os.environ.get(ADDRESS_VARIABLE):
        return _named_platform(home, address)
    layout = Layout(home)
    path = layout.platform
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(PLATFORM_FILE_BYTES_MAX))
        control_plane, public_url = str(facts["control_plane"]), str(facts["public_url"])
    except FileNotFoundError:
        raise NotRunning(home) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CliError(f"{path} cannot be read: {error!r}") from None
    return Platform(home, control_plane, public_url, _credential(layout.token))


def _named_platform(home: Path, address: str) -> Platform:
    """One that runs elsewhere, or around us in a pod."""
    try:
        parse_address(address)
    except ValueError as wrong:
        raise CliError(f"{ADDRESS_VARIABLE}: {address[:100]!r} is not allowed; it must be {wrong}") from None
    token = Path(os.environ.get(TOKEN_FILE_VARIABLE) or Layout(home).token)
    return Platform(home, address, os.environ.get(PUBLIC_URL_VARIABLE, ""), _credential(token), named=True)


def _credential(path: Path) -> str:
    """An administrator may use a token of their own instead of the cluster's."""
    if token := os.environ.get("WAGGLE_ADMIN_TOKEN"):
        return token
    try:
        return credential_from_file(path)
    except SettingsError as error:
        raise CliError(str(error)) from None
