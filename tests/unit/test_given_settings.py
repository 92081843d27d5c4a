"""What reaches the processes of a local platform from the shell of whoever started it."""

from pathlib import Path

import pytest

from chassis.errors import SettingsError
from chassis.mail import MailSettings
from chassis.rpc import Tls
from chassis.settings import settings_of
from control_plane.provision.given_settings import PATHS, given, merged, rooted
from router.app.settings import RouterSettings

SHELL = {
    "HOME": "/root",
    "WAGGLE_HOME": "/x",
    "WAGGLE_LOG_LEVEL": "debug",
    "WAGGLE_ROUTER_WORKERS": "2",
    "WAGGLE_CELL_X": "",
    "WAGGLE_CELL_Y": "1",
    "WAGGLE_MAIL_FORM": "a slip of the pen, for the process to refuse",
}


def test_settings_of_planes_are_passed_on_and_nothing_else() -> None:
    assert given(SHELL) == {
        name: SHELL[name] for name in ("WAGGLE_LOG_LEVEL", "WAGGLE_ROUTER_WORKERS", "WAGGLE_CELL_Y", "WAGGLE_MAIL_FORM")
    }


def test_files_are_where_the_shell_sees_them() -> None:
    """A platform without a terminal works in `/`."""
    shell = {
        "WAGGLE_ROUTER_CERTIFICATE": "chain.pem",
        "WAGGLE_ROUTER_KEY": "/etc/key.pem",
        "WAGGLE_TLS_CA": "",
        "WAGGLE_CELL_Y": "chain.pem",
    }
    assert rooted(shell, Path("/home/ada")) == {**shell, "WAGGLE_ROUTER_CERTIFICATE": "/home/ada/chain.pem"}
    assert set(PATHS) <= {about.variable for cls in (Tls, MailSettings, RouterSettings) for about in settings_of(cls)}


def test_each_plane_gets_its_own() -> None:
    router = merged(given(SHELL), "WAGGLE_ROUTER_", {"WAGGLE_ROUTER_LISTEN": "127.0.0.1:1"})
    assert router == {"WAGGLE_LOG_LEVEL": "debug", "WAGGLE_ROUTER_WORKERS": "2", "WAGGLE_ROUTER_LISTEN": "127.0.0.1:1"}
    assert set(merged(given(SHELL), "WAGGLE_CELL_", {})) == {"WAGGLE_LOG_LEVEL", "WAGGLE_CELL_Y", "WAGGLE_MAIL_FORM"}


def test_what_the_platform_decides_cannot_be_given() -> None:
    with pytest.raises(SettingsError, match=r"^WAGGLE_ROUTER_LISTEN is decided by waggle up"):
        merged({"WAGGLE_ROUTER_LISTEN": "127.0.0.1:2"}, "WAGGLE_ROUTER_", {"WAGGLE_ROUTER_LISTEN": "127.0.0.1:1"})


def test_all_that_is_to_be_known_of_tls_reaches_every_process() -> None:
    said = {about.variable: "x" for about in settings_of(Tls)}
    assert len(said) == 4 and given(said) == said
