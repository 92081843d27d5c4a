"""The workload's verbs as an administrator calls them: JSON in, JSON out, errors as words."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from cells.runtime.log import Tenants
from cells.runtime.tenancy import NotExecuted, Tenancy
from cells.runtime.transfer.ownership import Ownership
from cells.runtime.workload import Tenant, Workload
from chassis.errors import WaggleError
from chassis.identity import WorkspaceId

COMMAND_S_MAX = 30.0
ARGUMENTS_BYTES_MAX = 256 * 1024


class BadArguments(WaggleError):
    code = "bad_arguments"


class UnknownCommand(WaggleError):
    code = "unknown_command"


@dataclass(frozen=True, slots=True)
class Commands:
    workload: Workload
    tenants: Tenants
    ownership: Ownership

    async def run(self, workspace_id: WorkspaceId, epoch: int, name: str, arguments: str) -> str:
        """The verb's answer. Raises WaggleError where it refuses, NotExecuted where the workspace is not to be had here."""
        command = self.workload.commands.get(name)
        if command is None:
            raise UnknownCommand(f"{name!r} is not a command; there are: {', '.join(sorted(self.workload.commands))}")
        parsed = parse_arguments(arguments)
        tenant: Tenant = await self._tenant(workspace_id, epoch)
        async with asyncio.timeout(COMMAND_S_MAX):
            return encode(await command(tenant, parsed))

    async def exchange(self, workspace_id: WorkspaceId, epoch: int, name: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The verb's pieces as they come. Raises as `run` does, in the middle too: what was answered before stands."""
        exchange = self.workload.exchanges.get(name)
        if exchange is None:
            raise UnknownCommand(f"{name!r} is not an exchange; there are: {', '.join(sorted(self.workload.exchanges))}")
        tenant = await self._tenant(workspace_id, epoch)
        async for piece in exchange(tenant, pieces):
            yield piece

    async def admit(self, row: Tenancy, arguments: str) -> str:
        """What the workload needs in a workspace that is new; empty when it had been admitted before (its log has begun)."""
        if row.seq > 0:
            return ""
        parsed = {**parse_arguments(arguments), "workspace_name": row.name, "subdomain": row.subdomain, "name": row.name}
        async with asyncio.timeout(COMMAND_S_MAX):
            return encode(await self.workload.admit(self.tenants.of(row), parsed))

    async def _tenant(self, workspace_id: WorkspaceId, epoch: int) -> Tenant:
        try:
            return self.tenants.require(workspace_id, epoch)
        except NotExecuted:  # perhaps only this process has not heard yet
            await self.ownership.look(workspace_id)
            return self.tenants.require(workspace_id, epoch)


def parse_arguments(text: str) -> Mapping[str, Any]:
    if len(text) > ARGUMENTS_BYTES_MAX:
        raise BadArguments(f"arguments are longer than {ARGUMENTS_BYTES_MAX} bytes")
    try:
        parsed = json.loads(text or "{}")
    except ValueError as error:
        raise BadArguments(f"arguments are not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise BadArguments("arguments must be a JSON object")
    return parsed


def encode(result: Mapping[str, Any]) -> str:
    return json.dumps(result, separators=(",", ":"))
