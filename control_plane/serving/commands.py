"""An administrator's verbs of the workload (user.add, token.create), carried to the workspace's cell."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc

from control_plane.registry import Cell, Registry, TransitionRefused, Workspace, WorkspaceState
from control_plane.serving.cell_doors import CellDoors
from control_plane.serving.refusals import CellRefused, InvalidRequest
from protos.cell.v1 import cell_pb2

COMMAND_S_MAX = 15.0
ARGUMENTS_BYTES_MAX = 64 * 1024
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}(?:\.[a-z][a-z0-9_]{0,30}){1,3}")


@dataclass(frozen=True, slots=True)
class Commands:
    registry: Registry
    doors: CellDoors

    async def run(self, reference: str, name: str, arguments: str) -> str:
        """The workload's answer in JSON. Raises InvalidRequest, WorkspaceUnknown, TransitionRefused, CellRefused, CellAway."""
        check_command(name, arguments)
        workspace, cell = await self._place(reference, name)
        asked = cell_pb2.CommandRequest(workspace_id=workspace.id, epoch=workspace.epoch, name=name, arguments=arguments)
        reply = await self.doors.ask(cell, lambda door: door.Command(asked, timeout=COMMAND_S_MAX))
        if reply.error:
            raise _refused(reply.error, reply.detail)
        return reply.result

    async def exchange(self, reference: str, name: str, bodies: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same for a verb that takes or gives much. Nothing is kept here: a slow end makes the other wait."""
        check_command(name, "{}")
        workspace, cell = await self._place(reference, name)

        async def parcels() -> AsyncIterator[cell_pb2.Parcel]:
            yield cell_pb2.Parcel(workspace_id=workspace.id, epoch=workspace.epoch, name=name, body=await anext(bodies, b""))
            async for body in bodies:
                yield cell_pb2.Parcel(body=body)

        async for parcel in self.doors.stream(cell, lambda door: door.Exchange(parcels())):
            if parcel.error:
                raise _refused(parcel.error, parcel.detail)
            yield parcel.body

    async def _place(self, reference: str, name: str) -> tuple[Workspace, Cell]:
        workspace = await self.registry.workspaces.require(reference)
        if workspace.state != WorkspaceState.ACTIVE:
            raise TransitionRefused(f"workspace {workspace.subdomain} is {workspace.state}; {name} needs it active")
        return workspace, await self.registry.cells.require(workspace.cell)


def _refused(word: str, detail: str) -> CellRefused:
    return CellRefused(f"{word}: {detail}" if detail else word, _status_of_word(word))


def check_command(name: str, arguments: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"command {name[:60]!r} is not allowed; commands look like user.add")
    if len(arguments) > ARGUMENTS_BYTES_MAX:
        raise InvalidRequest(f"arguments are longer than {ARGUMENTS_BYTES_MAX} bytes")
    try:
        parsed = json.loads(arguments or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"arguments are not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise InvalidRequest("arguments are not a JSON object")


def _status_of_word(word: str) -> grpc.StatusCode:
    """Slack's error words say by their shape what kind they are."""
    if word.startswith("already_") or word.endswith(("_taken", "_exists")):
        return grpc.StatusCode.ALREADY_EXISTS
    if word.endswith("_not_found"):
        return grpc.StatusCode.NOT_FOUND
    if word.startswith(("invalid_", "unknown_")):
        return grpc.StatusCode.INVALID_ARGUMENT
    return grpc.StatusCode.FAILED_PRECONDITION
