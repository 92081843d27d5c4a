"""The folder a platform lives in, and what a command needs from it to connect."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from chassis.errors import SettingsError
from chassis.rpc import credential_from_file
from control_plane.cli.errors import CliError, NotRunning
from control_plane.provision.layout import Layout

HOME_VARIABLE = "WAGGLE_HOME"
HOME_DEFAULT = ".waggle"
PLATFORM_FILE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Platform:
    home: Path
    control_plane: str
    """host:port"""
    public_url: str
    credential: str


def home_of(option: Path | None) -> Path:
    """`--home`, else WAGGLE_HOME, else `.waggle` in the current directory."""
    return (option or Path(os.environ.get(HOME_VARIABLE) or HOME_DEFAULT)).expanduser().absolute()


def running_platform(home: Path) -> Platform:
    """From what the supervisor wrote: addresses in platform.json, and the cluster's credential. Raises NotRunning or CliError."""
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


def _credential(path: Path) -> str:
    """An administrator may use a token of their own instead of the cluster's."""
    if token := os.environ.get("WAGGLE_ADMIN_TOKEN"):
        return token
    try:
        return credential_from_file(path)
    except SettingsError as error:
        raise CliError(str(error)) from None
