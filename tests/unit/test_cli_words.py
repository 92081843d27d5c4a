"""What `waggle` prints for people: a retired cell is not sick, a fact that is true is a yes, a refusal is a sentence."""

import pytest

from cells.chat.domain.users.errors import CannotChangeOwner, UserDisabled, UserNotFound
from chassis.errors import WaggleError
from control_plane.cli.cells import show_cells, show_processes
from control_plane.cli.draining import newly_stuck
from control_plane.cli.health import verdict_of
from control_plane.cli.people import show
from control_plane.cli.printing import show_facts
from protos.admin.v1 import admin_pb2

RETIRED = admin_pb2.Cell(
    name="cell-3", state="retired", healthy=False, processes=[admin_pb2.Process(process_id="p", heartbeat_age_s=1_795_253_054.0)]
)


def test_a_retired_cell_is_silent_and_not_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    show_cells([RETIRED])
    show_processes(RETIRED)
    shown = capsys.readouterr().out
    assert "wrong" not in shown and "17952" not in shown
    told = verdict_of(admin_pb2.StatusReply(cells=[RETIRED], routers=[admin_pb2.Router(router_id="r")]))
    assert (told.verdict, told.checks[1].detail) == ("all is well", "retired")


def test_who_waits_for_a_drain_is_told_once_what_is_stuck() -> None:
    told: set[str] = set()
    drain = admin_pb2.Drain(stuck=[admin_pb2.Stuck(workspace="acme", why="is suspended")])
    assert newly_stuck(drain, told) == ["stuck: acme: is suspended"]
    assert newly_stuck(drain, told) == []
    drain.stuck.append(admin_pb2.Stuck(workspace="docs", why="is pinned there"))
    assert newly_stuck(drain, told) == ["stuck: docs: is pinned there"]


def test_facts_are_yes_or_no(capsys: pytest.CaptureFixture[str]) -> None:
    show_facts([("rebuilding", True), ("abuse checked", False)])
    show({"active": True, "expires": 1_797_844_921}, as_json=False)
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines == [["rebuilding", "yes"], ["abuse", "checked  no"], ["active", "yes"], ["expires", "2026-12-21 09:22 UTC"]]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UserNotFound("no such user in this workspace"), "no such user in this workspace"),
        (CannotChangeOwner(), "Only an owner changes owners, and the primary owner stays"),
        (UserDisabled(), ""),
    ],
)
def test_a_refusal_says_more_than_its_word(error: WaggleError, sentence: str) -> None:
    assert error.sentence() == sentence
