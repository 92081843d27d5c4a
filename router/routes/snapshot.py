"""The route table on disk, so that a router starts with the control plane gone.

`routes` is replaced by write, fsync, rename; the one before it is kept as `routes.previous`. A file whose checksum does not
match is never used: it is set aside as `routes.refused` and the previous one is taken.

Format: one ASCII line `waggle-routes 1 <sha256 of the rest, hex> <length of the rest>`, then msgpack parts, each with its length in
4 bytes before it: first `Facts`, then lists of routes.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog
from prometheus_client import Counter

from chassis.flags import NOTHING_SAID, FlagSet
from router.routes.table import CellEntry, Route, RouteChange, RouteTable

MAGIC = b"waggle-routes 1 "
HEADER_BYTES_MAX = 256
FILE_BYTES_MAX = 4 << 30
ROUTES_PER_PART = 5_000

SNAPSHOTS = Counter("waggle_router_snapshots", "Route snapshots written to disk, by outcome", ["outcome"])
log = structlog.get_logger("router.routes")


class SnapshotRefused(Exception):
    """The file is not a whole snapshot; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Facts:
    registry_id: str
    version: int
    cells: tuple[CellEntry, ...]
    routes: int
    flags: FlagSet = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Snapshot:
    registry_id: str
    version: int
    cells: tuple[CellEntry, ...]
    routes: tuple[Route, ...]
    flags: FlagSet = NOTHING_SAID

    @classmethod
    def of(cls, table: RouteTable) -> "Snapshot":
        return cls(table.registry_id, table.version, table.cells(), tuple(table.routes()), table.flags.held)

    def put_into(self, table: RouteTable) -> None:
        table.take_flags(self.flags)
        table.replace(self.registry_id, self.version, self.routes, self.cells)


_facts = msgspec.msgpack.Decoder(Facts)
_routes = msgspec.msgpack.Decoder(list[Route])


def encode(snapshot: Snapshot) -> bytes:
    body = b"".join(_framed(_parts(snapshot)))
    return b"%s%s %d\n" % (MAGIC, hashlib.sha256(body).hexdigest().encode(), len(body)) + body


def decode(data: bytes) -> Snapshot:
    """Raises SnapshotRefused for anything that `encode` did not make."""
    body = _checked(data)
    try:
        parts = _unframed(body)
        facts = _facts.decode(next(parts))
        routes = tuple(route for part in parts for route in _routes.decode(part))
    except (msgspec.MsgspecError, StopIteration) as error:
        raise SnapshotRefused(f"unreadable part: {error}") from error
    if len(routes) != facts.routes:
        raise SnapshotRefused(f"{len(routes)} routes of {facts.routes}")
    return Snapshot(facts.registry_id, facts.version, facts.cells, routes, facts.flags)


def _parts(snapshot: Snapshot) -> Iterator[bytes]:
    # Small parts, so that a thread that encodes 100,000 routes lets the event loop in between.
    yield msgspec.msgpack.encode(Facts(snapshot.registry_id, snapshot.version, snapshot.cells, len(snapshot.routes), snapshot.flags))
    for start in range(0, len(snapshot.routes), ROUTES_PER_PART):
        yield msgspec.msgpack.encode(snapshot.routes[start : start + ROUTES_PER_PART])


def _framed(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield len(part).to_bytes(4, "big")
        yield part


def _unframed(body: memoryview) -> Iterator[memoryview]:
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        yield body[at + 4 : at + 4 + length]
        at += 4 + length


def _checked(data: bytes) -> memoryview:
    end = data.find(b"\n", 0, HEADER_BYTES_MAX)
    if not data.startswith(MAGIC) or end < 0:
        raise SnapshotRefused("no header")
    words = data[len(MAGIC) : end].split(b" ")
    body = memoryview(data)[end + 1 :]
    if len(words) != 2 or words[1] != b"%d" % len(body):
        raise SnapshotRefused(f"{len(body)} bytes where the header says otherwise")
    if hashlib.sha256(body).hexdigest().encode() != words[0]:
        raise SnapshotRefused("checksum does not match")
    return body


class SnapshotStore:
    """The files in one directory. One writer at a time; calls block (use a thread)."""

    def __init__(self, home: Path) -> None:
        self.current = home / "routes"
        self.previous = home / "routes.previous"
        self.refused = home / "routes.refused"

    def load(self) -> Snapshot | None:
        """The newest file that is whole; None when there is none."""
        for path in (self.current, self.previous):
            found = self._read(path)
            if found is not None:
                return found
        return None

    def save(self, snapshot: Snapshot) -> None:
        """Durable when it returns. A crash at any point leaves `current` or `previous` whole."""
        data = encode(snapshot)
        self.current.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.current.with_suffix(f".{os.getpid()}.new")
        _write_durably(fresh, data)
        if self.current.exists():
            linked = self.current.with_suffix(f".{os.getpid()}.old")
            linked.unlink(missing_ok=True)
            os.link(self.current, linked)
            linked.replace(self.previous)
        fresh.replace(self.current)
        _sync_directory(self.current.parent)

    def _read(self, path: Path) -> Snapshot | None:
        try:
            return decode(_whole(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("snapshot_unreadable", path=str(path), error=str(error))
            return None
        except SnapshotRefused as refusal:
            log.warning("snapshot_refused", path=str(path), why=str(refusal))
            self._set_aside(path)
            return None

    def _set_aside(self, path: Path) -> None:
        # Else the next save would keep the broken file as the previous one.
        try:
            path.replace(self.refused)
        except OSError as error:
            log.warning("snapshot_not_set_aside", path=str(path), error=str(error))


def _whole(path: Path) -> bytes:
    if path.stat().st_size > FILE_BYTES_MAX:
        raise SnapshotRefused("too large")
    return path.read_bytes()


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SnapshotKeeper:
    """Writes the table to disk some time after it changed: never more often than `interval_s`, nor for more than 5 % of the time."""

    def __init__(self, table: RouteTable, store: SnapshotStore, *, interval_s: float = 0.05) -> None:
        self._table = table
        self._store = store
        self._interval_s = interval_s
        self._dirty = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; what is unwritten then is written first."""
        leave = self._table.on_change(self._on_change)
        try:
            while True:
                await self._dirty.wait()
                await asyncio.sleep(self._interval_s)
                await asyncio.sleep(20 * await self._save())
        finally:
            leave()
            if self._dirty.is_set():
                await asyncio.shield(self._save())

    def _on_change(self, _: RouteChange) -> None:
        self._dirty.set()

    async def _save(self) -> float:
        """Seconds it took."""
        self._dirty.clear()
        started = time.monotonic()
        try:
            await asyncio.to_thread(self._store.save, Snapshot.of(self._table))
        except OSError as error:
            SNAPSHOTS.labels("failed").inc()
            log.warning("snapshot_not_written", error=str(error))
        else:
            SNAPSHOTS.labels("written").inc()
        return time.monotonic() - started
