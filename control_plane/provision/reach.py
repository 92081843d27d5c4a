"""Whether the router reaches the cells: a process that is ready is not served yet while the router's next dial is to come."""

import asyncio
import urllib.request
from collections.abc import Collection

from prometheus_client.parser import text_string_to_metric_families

TUNNELS = "waggle_router_tunnels"
OPEN_TUNNELS = "waggle_ingress_tunnels"
ASK_TIMEOUT_S = 2.0


async def unreached(health_port: int, cells: Collection[str]) -> set[str]:
    """Those of `cells` to which the router with this health port has no tunnel; all of them while it does not answer."""
    try:
        text = await asyncio.to_thread(_metrics, health_port)
    except (OSError, ValueError):
        return set(cells)
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    reached = {sample.labels["cell"] for sample in samples if sample.name == TUNNELS and sample.value > 0}
    return set(cells) - reached


async def has_tunnel(health_port: int) -> bool:
    """Whether a router has a tunnel to the cell's process with this health port. A version that does not tell counts as reached."""
    try:
        text = await asyncio.to_thread(_metrics, health_port)
    except (OSError, ValueError):
        return False
    told = [line.split()[-1] for line in text.splitlines() if line.startswith(f"{OPEN_TUNNELS} ")]
    return not told or float(told[0]) > 0


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=ASK_TIMEOUT_S) as answer:
        text: str = answer.read().decode()
    return text
