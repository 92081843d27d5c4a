"""Routes on disk: whole or refused, and the one before is there when the newest is not."""

import os
from pathlib import Path

import pytest

from chassis.identity import CellName, WorkspaceId
from router.routes.snapshot import Snapshot, SnapshotRefused, SnapshotStore, decode, encode
from router.routes.table import CellEntry, Endpoint, Route, RouteTable


def a_snapshot(version: int = 7, routes: int = 3) -> Snapshot:
    cell = CellEntry(CellName("cell-1"), "local", "active", (Endpoint("127.0.0.1:9", ("api", "gateway"), "p1"),))
    held = tuple(Route(WorkspaceId(f"T{n:010}"), f"name-{n}", cell.name, n, "active") for n in range(routes))
    return Snapshot("registry", version, (cell,), held)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0x41,)) + data[at + 1 :]


def test_comes_back_as_it_was() -> None:
    assert decode(encode(a_snapshot())) == a_snapshot()


def test_more_routes_than_one_part_holds() -> None:
    assert decode(encode(a_snapshot(routes=12_001))) == a_snapshot(routes=12_001)


def test_nothing_is_a_snapshot_too() -> None:
    empty = Snapshot("r", 0, (), ())
    assert decode(encode(empty)) == empty


def test_any_flipped_byte_is_refused() -> None:
    data = encode(a_snapshot())
    for at in range(len(data)):
        with pytest.raises(SnapshotRefused):
            decode(flipped(data, at))


def test_any_truncation_is_refused() -> None:
    data = encode(a_snapshot())
    for length in range(len(data)):
        with pytest.raises(SnapshotRefused):
            decode(data[:length])


@pytest.mark.parametrize("tail", [b"\0", b"more", b"\n"])
def test_anything_after_the_end_is_refused(tail: bytes) -> None:
    with pytest.raises(SnapshotRefused):
        decode(encode(a_snapshot()) + tail)


def test_store_keeps_the_previous_one(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "routes.d")
    assert store.load() is None
    store.save(a_snapshot(1))
    store.save(a_snapshot(2))
    assert store.load() == a_snapshot(2)
    assert decode(store.previous.read_bytes()) == a_snapshot(1)


def test_corrupt_one_is_refused_and_the_previous_used(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(a_snapshot(1))
    store.save(a_snapshot(2))
    store.current.write_bytes(flipped(store.current.read_bytes(), 200))
    assert store.load() == a_snapshot(1)


def test_corrupt_one_never_becomes_the_previous(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(a_snapshot(1))
    store.save(a_snapshot(2))
    store.current.write_bytes(b"")
    assert store.load() == a_snapshot(1)
    store.save(a_snapshot(3))
    assert decode(store.previous.read_bytes()) == a_snapshot(1)
    assert store.load() == a_snapshot(3)
    assert store.refused.exists()


def test_both_corrupt_is_none(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(a_snapshot(1))
    store.save(a_snapshot(2))
    store.current.write_bytes(b"garbage")
    store.previous.write_bytes(b"waggle-routes 1 \n")
    assert store.load() is None


def test_stopped_between_the_renames_loses_nothing(tmp_path: Path) -> None:
    """As a crash leaves it: the current file already kept as the previous one, the new one not yet in its place."""
    store = SnapshotStore(tmp_path)
    store.save(a_snapshot(1))
    os.link(store.current, store.previous)
    (tmp_path / "routes.77.new").write_bytes(encode(a_snapshot(2))[:50])
    assert store.load() == a_snapshot(1)
    store.save(a_snapshot(3))
    assert store.load() == a_snapshot(3)


def test_directory_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.current.mkdir()
    assert store.load() is None


def test_goes_into_a_table_and_out_again() -> None:
    table = RouteTable()
    a_snapshot().put_into(table)
    assert Snapshot.of(table) == a_snapshot()
