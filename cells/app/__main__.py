"""`python -m cells.app`: a cell's process, configured by its environment (docs/settings.md)."""

import os
from functools import partial

import structlog

from cells.app.process import serve
from cells.app.settings import PREFIXES, CellSettings
from cells.chat.workload import chat
from chassis.mail import Mailer, carrier_of
from chassis.process import Lifecycle, run
from chassis.settings import load
from chassis.telemetry import configure_logging, configure_tracing

SERVICE = "cell"


async def main(lifecycle: Lifecycle) -> None:
    settings = load(CellSettings, os.environ, PREFIXES)
    configure_logging(SERVICE, level=settings.log_level, cell=settings.name, region=settings.region)
    configure_tracing(SERVICE, settings.otlp_endpoint)
    structlog.get_logger("cell").info("starting", role=settings.role, listen=str(settings.listen))
    mailer = Mailer(carrier_of(settings.mail), settings.mail.sender)
    workload = partial(
        chat,
        rate_limits=settings.rate_limits,
        files=settings.files,
        search=settings.search,
        cell=settings.name,
        mailer=mailer,
        public_url=settings.public_url,
    )
    await serve(settings, workload, lifecycle)


if __name__ == "__main__":
    run(main)
