"""Around every administrator's call: the audit row before and after, and errors as precise statuses with one line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from prometheus_client import Counter

from chassis.errors import WaggleError
from control_plane.registry import DATABASE_AWAY, Registry
from control_plane.serving.callers import Callers
from control_plane.serving.refusals import one_line, status_of

Context = grpc.aio.ServicerContext[Any, Any]

CALLS = Counter("waggle_control_admin_calls", "Calls of Admin", ["action", "status"])
log = structlog.get_logger("control_plane.admin")


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    status: grpc.StatusCode
    line: str


@dataclass(frozen=True, slots=True)
class Auditor:
    registry: Registry
    callers: Callers

    @asynccontextmanager
    async def action(self, context: Context, action: str, target: str) -> AsyncIterator[list[str]]:
        """For what changes something: recorded before it is done, and again with its outcome, refusals included.

        What is appended to the list that it yields stands behind the `ok`: what was made.
        """
        async with answering(context, action):
            entry = await self.registry.audit.begin(await self.callers.actor(context), action, target, context.peer())
            outcome = "interrupted"
            made: list[str] = []
            try:
                yield made
                outcome = ": ".join(["ok", *made])
            except WaggleError as error:
                outcome = f"refused: {status_of(error).name}: {one_line(error)}"
                raise
            except Exception as error:
                outcome = f"failed: {type(error).__name__}"
                raise
            finally:
                await self.registry.audit.end(entry, outcome)


@asynccontextmanager
async def answering(context: Context, action: str) -> AsyncIterator[None]:
    """Turn what the block raises into a status: one line for the caller, the trace for the log alone."""
    refused: Refused | None = None
    try:
        yield
    except WaggleError as error:
        refused = Refused(status_of(error), one_line(error))
    except DATABASE_AWAY as error:
        log.warning("database_away", action=action, error=repr(error))
        refused = Refused(grpc.StatusCode.UNAVAILABLE, "the registry's database does not answer")
    except Exception:
        log.exception("admin_call_failed", action=action)
        refused = Refused(grpc.StatusCode.INTERNAL, "the control plane failed; its log says why")
    CALLS.labels(action, "OK" if refused is None else refused.status.name).inc()
    if refused is not None:
        await context.abort(refused.status, refused.line)
