"""The tables' storing side: documents and place in one transaction, so each is stored exactly once."""

from cells.chat.domain.searching.indexing import Begin, Step
from cells.chat.search.postgres_repository import PostgresEngine
from cells.runtime.log import LoggedTenant, Transaction
from chassis.identity import WorkspaceId

WORDS_KNOWN_MAX = 200_000
"""Words, over all workspaces, that this process knows to be stored; past that it asks again."""


class PostgresSink:
    engine = "postgres"
    page_size = 20
    """Those who post wait while a page is stored. Pages of 100 made each post of a workspace that catches up take 100 ms; of 20, 7 ms."""

    def __init__(self) -> None:
        self._known: set[tuple[WorkspaceId, str]] = set()

    def beginning(self, tenant: LoggedTenant) -> Begin:  # noqa: ARG002 - the protocol's names
        return Begin(self.engine)

    async def send(self, tenant: LoggedTenant, step: Step) -> dict[str, str]:  # noqa: ARG002 - the protocol's names
        return {}

    async def store(self, tx: Transaction, step: Step) -> None:
        engine, workspace = PostgresEngine(tx.connection, tx.scope), tx.scope.workspace_id
        await engine.store(step.messages)
        await engine.store_files(step.files)
        await engine.learn([term for _, term in _words(step, workspace) - self._known])

    def on_stored(self, tenant: LoggedTenant, step: Step) -> None:
        words = _words(step, tenant.scope.workspace_id)
        if len(self._known) + len(words) > WORDS_KNOWN_MAX:
            self._known.clear()
        self._known |= words


def _words(step: Step, workspace: WorkspaceId) -> set[tuple[WorkspaceId, str]]:
    return {(workspace, term) for document in (*step.messages.stored, *step.files.stored) for term in document.terms}
