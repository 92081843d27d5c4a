"""Which of a cell's processes is asked."""

from types import SimpleNamespace
from typing import Any

from chassis.clock import SystemClock
from router.forward.cells import CellDoor
from router.forward.limits import Limits


def a_tunnel(calls: int = 0, *, leaving: bool = False, role: str = "all") -> Any:
    endpoint = SimpleNamespace(roles=(role,))
    return SimpleNamespace(ready=True, leaving=leaving, calls=dict.fromkeys(range(calls)), sessions={}, endpoint=endpoint, turn=0)


def a_door(*tunnels: Any) -> CellDoor:
    door = CellDoor("cell-1", SystemClock(), Limits())
    door.diallers = {str(number): SimpleNamespace(tunnel=tunnel) for number, tunnel in enumerate(tunnels)}  # type: ignore[misc]
    return door


def test_the_least_busy_is_asked_and_equals_take_turns() -> None:
    old, new, busy = a_tunnel(), a_tunnel(), a_tunnel(calls=1)
    door = a_door(busy, old, new, a_tunnel(leaving=True), a_tunnel(role="worker"))
    assert [door.pick("api") and door.enter("api") for _ in range(4)] == [old, new, old, new]
    old.calls, new.calls = {1: None, 2: None}, {1: None, 2: None}
    assert door.pick("api") is busy
    assert a_door(a_tunnel(leaving=True)).pick("api") is None
