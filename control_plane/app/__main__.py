"""`python -m control_plane.app`: the control plane's process, configured by its environment (docs/settings.md)."""

import os

import structlog

from chassis.errors import SettingsError
from chassis.process import Lifecycle, run
from chassis.settings import load
from chassis.telemetry import configure_logging, configure_tracing
from control_plane.app.process import serve
from control_plane.app.settings import PREFIXES, ControlSettings
from control_plane.provision.interface import Provisioner

SERVICE = "control-plane"


async def main(lifecycle: Lifecycle) -> None:
    settings = load(ControlSettings, os.environ, PREFIXES)
    configure_logging(SERVICE, level=settings.log_level)
    configure_tracing(SERVICE, settings.otlp_endpoint)
    structlog.get_logger("control_plane.app").info("starting", listen=str(settings.listen), provisioner=settings.provisioner)
    await serve(settings, provisioner_of(settings), lifecycle)


def provisioner_of(settings: ControlSettings) -> Provisioner | None:
    """Raises SettingsError where the local provisioner has no folder to work in."""
    if settings.provisioner == "none":
        return None
    if settings.provisioner == "applied":
        from control_plane.provision.applied import AppliedCells

        return AppliedCells()
    if settings.home is None:
        raise SettingsError("WAGGLE_CONTROL_HOME is not set; WAGGLE_CONTROL_PROVISIONER=local needs it")
    from control_plane.provision.local import LocalProvisioner

    return LocalProvisioner(settings.home)


if __name__ == "__main__":
    run(main)
