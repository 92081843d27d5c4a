"""The proofs that this process keeps, by move."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import asyncpg
import structlog
from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError

from cells.runtime.log import Rehearsal
from cells.runtime.tenancy import NotExecuted
from cells.runtime.transfer.moving.changes import FOLLOWING_FAILURES
from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.owner import OwnerDatabase
from cells.runtime.transfer.moving.pacing import Pace, nobody
from cells.runtime.transfer.moving.proving import Proof, Rest, compare_rest, keep_up, prove, rehearse
from cells.runtime.transfer.moving.publishing import publish
from cells.runtime.transfer.moving.subscribing import is_following
from chassis.identity import WorkspaceId

PROOFS_MAX = 8
ATTEMPTS_MAX = 5
log = structlog.get_logger("transfer")


class Proofs:
    def __init__(
        self,
        tables: tuple[Table, ...],
        served: Callable[[], int] = nobody,
        *,
        attached: frozenset[str] | None = frozenset(),
        rehearsal: Rehearsal | None = None,
    ) -> None:
        """`attached`: tables whose rows speak of bytes outside the database; None: any may. `rehearsal`: what people will do here."""
        self._tables, self._served = tables, served
        self._attached, self._rehearsal = attached, rehearsal
        self._proofs: dict[str, Proof] = {}

    async def look(
        self, database: OwnerDatabase, move_id: str, workspace_id: WorkspaceId, source: str, speed: float, wait_s: float
    ) -> Proof:
        """Begin, begin again where the last attempt failed, or look. Raises CannotMove."""
        proof = self._proofs.get(move_id)
        if proof is None or not (proof.running or proof.compared.differs):
            proof = await self._begin(database, move_id, workspace_id, source, proof)
        proof.pace.set(speed)
        if proof.running and await proof.look(wait_s):
            await self._ready(proof)
        return proof

    async def _ready(self, proof: Proof) -> None:
        """All that will be asked is asked once. A proof whose lines broke is at an end, and is begun again by who looks the next time."""
        try:
            await rehearse(self._tables, proof)
        except* FOLLOWING_FAILURES as errors:
            await _end([proof])
            proof.problem = f"{type(errors.exceptions[0]).__name__}: {errors.exceptions[0]}"[:300]
        else:
            await self._rehearse(proof)

    async def _rehearse(self, proof: Proof) -> None:
        """A post, where somebody writes: in a workspace in which nothing has changed since its copy nobody waits for an answer."""
        if self._rehearsal is None or not proof.changes[0].counts:
            return
        try:
            await self._rehearsal.run()
        except (NotExecuted, DBAPIError, asyncpg.PostgresError, OSError, TimeoutError) as error:
            log.warning("not rehearsed", move=proof.move_id, problem=repr(error)[:300])  # the first who come pay for it

    async def keep(self, database: OwnerDatabase, proof: Proof, held: AsyncExitStack) -> None:
        """One that was begun with the copy; what is `held` for it goes when it ends."""
        self._proofs[proof.move_id] = proof
        proof.task = asyncio.create_task(keep_up(database, self._tables, proof, held))
        await asyncio.sleep(0)  # a task that is cancelled before it has begun would close nothing

    @property
    def room(self) -> bool:
        return sum(proof.running for proof in self._proofs.values()) < PROOFS_MAX

    async def rest(self, move_id: str, number: int) -> tuple[Rest, str]:
        """What had changed by the seal, and what is said of attachments then. Raises CannotMove without a proof."""
        proof = self._proofs.get(move_id)
        if proof is None:
            raise CannotMove(f"nothing is proved for move {move_id} here")
        return await compare_rest(self._tables, proof, number), self.attachments(proof)

    def attachments(self, proof: Proof) -> str:
        """The same word for as long as no row that speaks of bytes has changed at the giver; empty: not known."""
        if self._attached is None or len(proof.changes) != 2:
            return ""
        return f"{proof.nonce}-{sum(proof.changes[0].counts[table] for table in self._attached)}"

    async def drop(self, move_id: str) -> None:
        await _end([self._proofs.pop(move_id, None)])

    def let_go(self, workspace_id: WorkspaceId) -> None:
        """The workspace was opened: what was proved of it is of no use any more. Waits for nothing, since people do."""
        for move_id in [move_id for move_id, proof in self._proofs.items() if proof.workspace_id == workspace_id]:
            task = self._proofs.pop(move_id).task
            if task is not None:
                task.cancel()

    async def _begin(self, database: OwnerDatabase, move_id: str, workspace_id: WorkspaceId, source: str, failed: Proof | None) -> Proof:
        attempt, problem = (failed.attempt + 1, failed.problem) if failed is not None else (1, "")
        if attempt > ATTEMPTS_MAX:
            del self._proofs[move_id]
            raise CannotMove(f"{ATTEMPTS_MAX} comparisons failed: {problem}")
        if not self.room:
            raise CannotMove(f"{PROOFS_MAX} comparisons run here already")
        async with database.connected() as connection:
            if not await is_following(connection, move_id):
                raise CannotMove(f"nothing was copied here for move {move_id}")
        await publish(database, self._tables, move_id, workspace_id)
        proof = self._proofs[move_id] = Proof(
            move_id, workspace_id, source, problem=problem, attempt=attempt, pace=Pace(served=self._served)
        )
        proof.task = asyncio.create_task(prove(database, self._tables, proof))
        return proof


async def _end(proofs: "list[Proof | None]") -> None:
    tasks = {proof.task for proof in proofs if proof is not None and proof.task is not None}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
