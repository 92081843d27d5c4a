"""Keeping an engine in step with a workspace: it follows the log, and reads what was there before a page at a time.

Nothing is told to an engine but what stands in the database when it is told, so pages may come twice and from two processes. The
place reached is a row of the workspace, moved after (or with) what was stored: whoever dies, the next goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from cells.chat.domain.searching.news import Key, News, news_of
from cells.chat.domain.searching.progress_repository import Progress, ProgressBook
from cells.chat.domain.searching.reading_repository import Reading
from cells.chat.domain.searching.saying import file_document, message_document
from cells.chat.search.hits import Batch
from cells.runtime.log import Event, LoggedTenant, Transaction
from cells.runtime.log.snapshot import head_of

ASKED = Event("search_rebuild_asked", ("-",), '{"type":"search_rebuild_asked"}')
"""Told to nobody: it wakes whoever keeps an index."""
FILES = "files/"
"""Where a scan is once it is through with messages: `after_channel` is this and the last file's id."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be stored, and the place reached with it."""

    before: Progress
    after: Progress
    messages: Batch = field(default_factory=Batch)
    files: Batch = field(default_factory=Batch)


@dataclass(frozen=True, slots=True)
class Begin:
    """A change: an engine that does not know the workspace yet starts at the head of the log, and reads what was before.

    Asked `again`, it starts anew.
    """

    engine: str
    home: str = ""
    generation: int = 0
    again: bool = False

    async def apply(self, tx: Transaction) -> Progress:
        book = ProgressBook(tx.connection, tx.scope)
        there = await book.get(self.engine)
        if there is not None and not self.again:
            return there
        head = await head_of(tx.connection, tx.scope)
        progress = Progress(self.engine, head, generation=self.generation, home=self.home)
        await book.put(progress)
        if there is not None:
            tx.append(ASKED)
        return progress


class Sink(Protocol):
    """An engine's storing side."""

    @property
    def engine(self) -> str: ...

    @property
    def page_size(self) -> int:
        """Events, or messages, that are told at once."""

    def beginning(self, tenant: LoggedTenant) -> Begin:
        """How it starts with a workspace."""

    async def send(self, tenant: LoggedTenant, step: Step) -> dict[str, str]:
        """Before the place is moved, outside any transaction; may happen twice. Returns what was refused for good, and why."""

    async def store(self, tx: Transaction, step: Step) -> None:
        """In the transaction that moves the place."""

    def on_stored(self, tenant: LoggedTenant, step: Step) -> None:
        """That transaction is committed."""


class PlaceMoved(Exception):
    """Another process has moved the place: look again."""


@dataclass(frozen=True, slots=True)
class Advance:
    """A change: move the place from where it was seen, with what is stored in the same transaction."""

    sink: Sink
    step: Step
    refused: dict[str, str] = field(default_factory=dict)

    async def apply(self, tx: Transaction) -> None:
        book = ProgressBook(tx.connection, tx.scope)
        if await book.get(self.sink.engine) != self.step.before:
            raise PlaceMoved
        await self.sink.store(tx, self.step)
        for document, reason in self.refused.items():
            await book.fail(self.sink.engine, document, reason, tx.next_ts_us())
        await book.put(self.step.after)


class Indexing:
    """One engine, any workspace."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def catch_up(self, tenant: LoggedTenant) -> int:
        """Until nothing is left to tell; returns the place in the log."""
        while await self.step(tenant):
            pass
        return (await self.progress(tenant)).seq

    async def progress(self, tenant: LoggedTenant) -> Progress:
        async with tenant.reading() as connection:
            found = await ProgressBook(connection, tenant.scope).get(self._sink.engine)
        return await tenant.commit(self._sink.beginning(tenant)) if found is None else found

    async def step(self, tenant: LoggedTenant) -> bool:
        """Tell one page of news, or of what was there before; whether there was any."""
        before = await self.progress(tenant)
        step = await self._of_the_log(tenant, before)
        if step is None and not before.scanned:
            step = await self._of_the_past(tenant, before)
        if step is None:
            return False
        try:
            await tenant.commit(Advance(self._sink, step, await self._sink.send(tenant, step)))
        except PlaceMoved:
            return True
        self._sink.on_stored(tenant, step)
        return True

    async def _of_the_log(self, tenant: LoggedTenant, before: Progress) -> Step | None:
        events = await tenant.log.read(tenant.scope, before.seq, self._sink.page_size)
        if not events:
            return None
        news = news_of(events)
        after = replace(before, seq=events[-1].seq, documents=before.documents + sum(event.kind == "message" for event in events))
        if news.rewritten:
            after = replace(after, scanned=False, after_channel="", after_us=-1)
        return await self._step_of(tenant, before, after, news)

    async def _of_the_past(self, tenant: LoggedTenant, before: Progress) -> Step:
        size = self._sink.page_size
        if before.after_channel.startswith(FILES):
            return await self._of_past_files(tenant, before, size)
        async with tenant.reading() as connection:
            reading = Reading(connection, tenant.scope)
            keys = await reading.messages_after(before.after_channel, before.after_us, size)
            following = None if keys else await reading.next_channel(before.after_channel)
        if keys:
            after = replace(before, after_us=keys[-1][1], documents=before.documents + len(keys))
            return await self._step_of(tenant, before, after, News(tuple(keys)))
        return Step(before, replace(before, after_channel=following or FILES, after_us=-1))

    async def _of_past_files(self, tenant: LoggedTenant, before: Progress, size: int) -> Step:
        async with tenant.reading() as connection:
            ids = await Reading(connection, tenant.scope).files_after(before.after_channel.removeprefix(FILES), size)
        if not ids:
            return Step(before, replace(before, scanned=True))
        after = replace(before, after_channel=FILES + ids[-1], documents=before.documents + len(ids))
        return await self._step_of(tenant, before, after, News(files=tuple(ids)))

    async def _step_of(self, tenant: LoggedTenant, before: Progress, after: Progress, news: News) -> Step:
        async with tenant.reading() as connection:
            reading, version = Reading(connection, tenant.scope), await head_of(connection, tenant.scope)
            said = await reading.messages(news.messages) if news.messages else []
            filed = await reading.files(news.files) if news.files else []
        messages = tuple(message_document(message, version) for message in said)
        files = tuple(file_document(file, version) for file in filed)
        there, held = {document.key for document in messages}, {document.place for document in files}
        return Step(
            before,
            after,
            Batch(messages, _missing(news.messages, there), version),
            Batch(files, tuple((file_id, 0) for file_id in news.files if file_id not in held), version),
        )


def _missing(keys: Sequence[Key], there: set[Key]) -> tuple[Key, ...]:
    return tuple(key for key in keys if key not in there)
