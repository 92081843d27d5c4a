"""`python -m cells.app`: a cell's process, configured by its environment (docs/settings.md)."""

import os
from contextlib import AsyncExitStack
from functools import partial

import structlog

from cells.app.address_book import address_book
from cells.app.process import serve
from cells.app.settings import PREFIXES, CellSettings
from cells.chat.domain.addresses.reporting import Tell
from cells.chat.workload import chat
from chassis.flags import Switchboard
from chassis.mail import Mailer, carrier_of
from chassis.process import Lifecycle, run
from chassis.rpc import channel, credential_from_file
from chassis.settings import load
from chassis.telemetry import configure_logging, configure_tracing

SERVICE = "cell"


async def main(lifecycle: Lifecycle) -> None:
    settings = load(CellSettings, os.environ, PREFIXES)
    configure_logging(SERVICE, level=settings.log_level, cell=settings.name, region=settings.region)
    configure_tracing(SERVICE, settings.otlp_endpoint)
    structlog.get_logger("cell").info("starting", role=settings.role, listen=str(settings.listen))
    flags = Switchboard(settings.name)
    mailer = Mailer(carrier_of(settings.mail), settings.mail.sender)
    async with AsyncExitStack() as stack:
        workload = partial(
            chat,
            rate_limits=settings.rate_limits,
            files=settings.files,
            search=settings.search,
            cell=settings.name,
            mailer=mailer,
            public_url=settings.public_url,
            tell_addresses=_address_book(settings, stack),
            flags=flags,
        )
        await serve(settings, workload, lifecycle, flags)


def _address_book(settings: CellSettings, stack: AsyncExitStack) -> Tell | None:
    """None: there is nobody to tell."""
    if settings.control_plane is None:
        return None
    line = channel(str(settings.control_plane), credential_from_file(settings.token_file), settings.tls)
    stack.push_async_callback(line.close, None)
    return address_book(line)


if __name__ == "__main__":
    run(main)
