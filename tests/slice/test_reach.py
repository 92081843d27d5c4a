"""`up` is done when requests are served, not when processes are ready."""

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from control_plane.provision.processes import free_port
from control_plane.provision.reach import TUNNELS, unreached

pytestmark = pytest.mark.anyio


async def test_a_cell_without_a_tunnel_is_not_reached() -> None:
    registry, port = CollectorRegistry(), free_port()
    assert await unreached(port, {"cell-1"}) == {"cell-1"}, "a router that does not answer reaches nothing"
    tunnels = Gauge(TUNNELS, "Tunnels that are up.", ["cell"], registry=registry)
    server, thread = start_http_server(port, "127.0.0.1", registry)
    try:
        tunnels.labels("cell-1").set(1)
        tunnels.labels("cell-2").set(0)
        assert await unreached(port, {"cell-1", "cell-2", "cell-3"}) == {"cell-2", "cell-3"}
        tunnels.labels("cell-2").set(2)
        assert await unreached(port, {"cell-1", "cell-2"}) == set()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
