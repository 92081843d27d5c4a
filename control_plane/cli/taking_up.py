"""A cell that was to get the next free name, begun and not finished: whoever asks for such a cell again finishes that one."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from control_plane.cli.asking import Admin
from control_plane.cli.errors import CliError
from protos.admin.v1 import admin_pb2

_NUMBERED = re.compile(r"cell-(\d{1,6})")


class Claims:
    """What processes on this machine are making now: a file each, which the kernel unlocks when its process dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = ExitStack()

    def __enter__(self) -> "Claims":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While one looks and takes, no other does; that is one call of the control plane each, and those are bounded."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CliError(f"{self._folder} cannot be made ({error.strerror}); give --home, or name the cell") from None
        file = self._open("all")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def take(self, name: str) -> bool:
        """Until our end. False: another process here makes it."""
        file = self._open(name)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._held.callback(os.close, file)
        return True

    def _open(self, name: str) -> int:
        return os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)


async def begun_or_new(admin: Admin, request: admin_pb2.CreateCellRequest, claims: Claims) -> admin_pb2.Cell:
    """The first that was asked for in the same words, never lived, and is in nobody's hands here; else a new one."""
    with claims.alone():
        known = await admin(admin.stub.ListCells, admin_pb2.ListCellsRequest())
        for cell in known.cells:
            if _is_such(cell, request) and claims.take(cell.name):
                return cell
        made = await admin(admin.stub.CreateCell, request)
        claims.take(made.name)
        return made


def _is_such(cell: admin_pb2.Cell, request: admin_pb2.CreateCellRequest) -> bool:
    from control_plane.registry import CAPACITY_WORKSPACES_DEFAULT, REGION_DEFAULT

    wanted = (request.region or REGION_DEFAULT, request.dedicated, request.capacity_workspaces or CAPACITY_WORKSPACES_DEFAULT)
    unnamed = cell.state == "provisioning" and _NUMBERED.fullmatch(cell.name) is not None
    return unnamed and (cell.region, cell.dedicated, cell.capacity_workspaces) == wanted
