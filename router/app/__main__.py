"""`python -m router.app`: a router, configured by its environment."""

import os
import socket

import structlog

from chassis.process import Lifecycle, run
from chassis.telemetry import configure_logging, configure_tracing
from router.app.process import serve
from router.app.settings import Settings, from_environment
from router.app.workers import Workers, listening, stop_with_parent
from router.edge.serving import tls_of

SERVICE = "router"


async def main(lifecycle: Lifecycle) -> None:
    settings = from_environment(os.environ)
    router, worker = settings.router, settings.worker
    configure_logging(SERVICE, level=router.log_level)
    if worker.listen_fd >= 0:
        await _work(settings, lifecycle)
        return
    structlog.get_logger("router").info("starting", listen=str(router.listen), workers=router.workers)
    with listening(router.listen) as sock:
        if router.workers > 1:
            tls_of(router.edge.serving)  # what every worker would refuse is said once, by us
            await Workers(router, sock, os.environ).supervise(lifecycle)
            return
        configure_tracing(SERVICE, router.otlp_endpoint)
        await serve(settings, sock, lifecycle)


async def _work(settings: Settings, lifecycle: Lifecycle) -> None:
    configure_tracing(SERVICE, settings.router.otlp_endpoint)
    if settings.worker.parent_fd >= 0:
        stop_with_parent(settings.worker.parent_fd, lifecycle)
    with socket.socket(fileno=settings.worker.listen_fd) as sock:
        sock.setblocking(False)
        await serve(settings, sock, lifecycle)


if __name__ == "__main__":
    run(main)
