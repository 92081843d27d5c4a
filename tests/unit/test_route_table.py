"""The route table: the newest epoch wins, whoever brings it and in whatever order."""

from chassis.identity import CellName, WorkspaceId
from router.routes.table import CellEntry, Endpoint, Route, RouteChange, RouteTable

T1, T2 = WorkspaceId("T1"), WorkspaceId("T2")
A, B = CellName("cell-a"), CellName("cell-b")


def route(workspace_id: WorkspaceId = T1, name: str = "acme", cell: CellName = A, epoch: int = 1, state: str = "active") -> Route:
    return Route(workspace_id, name, cell, epoch, state)


def entry(name: CellName = A, state: str = "active", *addresses: str) -> CellEntry:
    return CellEntry(name, "local", state, tuple(Endpoint(address, ("api",), address) for address in addresses))


def a_table(*routes: Route) -> RouteTable:
    table = RouteTable()
    table.replace("r1", 5, routes or (route(),), (entry(),))
    return table


def heard(table: RouteTable) -> list[RouteChange]:
    changes: list[RouteChange] = []
    table.on_change(changes.append)
    return changes


def test_snapshot_is_found_by_id_and_name() -> None:
    table = a_table()
    assert table.get(T1) == table.by_subdomain("acme") == route()
    assert table.cell(A) == entry()
    assert (table.registry_id, table.version, len(table)) == ("r1", 5, 1)


def test_unknown_is_none_never_a_default() -> None:
    table = a_table()
    assert table.get(T2) is None
    assert table.by_subdomain("beta") is None
    assert table.cell(B) is None


def test_delta_moves_a_workspace() -> None:
    table = a_table()
    changes = heard(table)
    table.apply(6, [route(cell=B, epoch=2)], [entry(B)])
    assert table.get(T1) == route(cell=B, epoch=2)
    assert changes == [RouteChange(frozenset({T1}), frozenset({B}))]
    assert table.version == 6


def test_delta_with_an_older_epoch_does_not_take_it_back() -> None:
    table = a_table(route(cell=B, epoch=3))
    table.apply(6, [route(cell=A, epoch=2)], [])
    assert table.get(T1) == route(cell=B, epoch=3)


def test_state_changes_at_the_same_epoch() -> None:
    table = a_table()
    table.apply(6, [route(state="suspended")], [])
    assert table.get(T1) == route(state="suspended")


def test_gone_is_forgotten_with_its_name() -> None:
    table = a_table()
    table.apply(6, [route(epoch=2, state="gone")], [])
    assert table.get(T1) is None
    assert table.by_subdomain("acme") is None


def test_renamed_workspace_leaves_its_old_name() -> None:
    table = a_table()
    table.apply(6, [route(name="acme-corp")], [])
    assert table.by_subdomain("acme") is None
    assert table.by_subdomain("acme-corp") == route(name="acme-corp")


def test_name_taken_over_by_another_workspace_stays_with_it() -> None:
    table = a_table()
    table.apply(6, [route(T2, "acme")], [])
    table.apply(7, [route(T1, "old-acme")], [])
    assert table.by_subdomain("acme") == route(T2, "acme")


def test_learned_only_when_newer() -> None:
    table = a_table(route(epoch=4))
    changes = heard(table)
    assert not table.learn(T1, B, 4)
    assert not table.learn(T1, B, 3)
    assert not table.learn(T2, B, 9)
    assert not table.learn(T1, CellName(""), 9)
    assert changes == []
    assert table.learn(T1, B, 5)
    assert table.get(T1) == route(cell=B, epoch=5)
    assert changes == [RouteChange(frozenset({T1}), frozenset())]


def test_what_was_learned_outlives_an_older_snapshot_of_the_same_registry() -> None:
    table = a_table()
    table.learn(T1, B, 2)
    table.replace("r1", 6, [route(epoch=1)], [entry()])
    assert table.get(T1) == route(cell=B, epoch=2)


def test_another_registry_starts_afresh() -> None:
    table = a_table()
    table.learn(T1, B, 2)
    table.replace("r2", 1, [route(epoch=1)], [entry()])
    assert table.get(T1) == route(epoch=1)
    assert table.version == 1


def test_snapshot_drops_what_it_does_not_hold() -> None:
    table = a_table(route(), route(T2, "beta"))
    changes = heard(table)
    table.replace("r1", 6, [route()], [entry(B)])
    assert table.get(T2) is None
    assert changes == [RouteChange(frozenset({T2}), frozenset({A, B}))]


def test_retired_cell_is_forgotten() -> None:
    table = a_table()
    table.apply(6, [], [entry(A, "retired")])
    assert table.cell(A) is None


def test_cell_is_replaced_whole() -> None:
    table = a_table()
    table.apply(6, [], [entry(A, "active", "127.0.0.1:1", "127.0.0.1:2")])
    table.apply(7, [], [entry(A, "active", "127.0.0.1:2")])
    assert table.cell(A) == entry(A, "active", "127.0.0.1:2")


def test_listener_can_leave() -> None:
    table = a_table()
    changes: list[RouteChange] = []
    leave = table.on_change(changes.append)
    leave()
    table.apply(6, [route(epoch=2)], [])
    assert changes == []


def test_version_never_goes_back_within_a_registry() -> None:
    table = a_table()
    table.apply(3, [route(epoch=2)], [])
    assert table.version == 5
