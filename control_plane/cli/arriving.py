"""Waiting for a cell that is being provisioned."""

import asyncio

from control_plane.cli.asking import Admin
from control_plane.cli.errors import CliError
from protos.admin.v1 import admin_pb2

LIFE_S_MAX = 60.0
POLL_S = 0.25


async def alive(admin: Admin, name: str) -> admin_pb2.Cell:
    """Raises CliError after a minute without a sign of life."""
    try:
        async with asyncio.timeout(LIFE_S_MAX):
            while True:
                cell = await admin(admin.stub.ShowCell, admin_pb2.CellRef(name=name))
                if cell.state == "active" and cell.healthy:
                    return cell
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise CliError(f"{name} showed no sign of life within {LIFE_S_MAX:.0f} s; its logs may say why: waggle status") from None
