"""Which restored cell gets which workspace. Pure: facts in, a plan out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chassis.identity import CellName, WorkspaceId
from control_plane.registry import Cell, Workspace


@dataclass(frozen=True, slots=True)
class Sealed:
    """A workspace as a cell's census tells it: rows that wait for an owner."""

    cell: CellName
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Step:
    workspace: Workspace
    target: CellName
    seq: int
    """Where the restored log ends: what was said later is in the lost cell alone."""

    @property
    def epoch(self) -> int:
        return self.workspace.epoch + 1


@dataclass(frozen=True, slots=True)
class Left:
    workspace: Workspace
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    lost: tuple[Cell, ...]
    steps: tuple[Step, ...]
    left: tuple[Left, ...]


def plan(lost: Sequence[Cell], workspaces: Sequence[Workspace], sealed: Mapping[WorkspaceId, Sequence[Sealed]], to_region: str) -> Plan:
    """The newest of what was restored wins; the same facts give the same plan."""
    steps: list[Step] = []
    left: list[Left] = []
    for workspace in sorted(workspaces, key=lambda one: one.subdomain):
        # A row of a later epoch is of a life that the registry does not know: not ours to wake.
        fitting = [one for one in sealed.get(workspace.id, ()) if one.epoch <= workspace.epoch]
        if fitting:
            newest = max(fitting, key=lambda one: (one.epoch, one.seq, one.cell))
            steps.append(Step(workspace, newest.cell, newest.seq))
        else:
            left.append(Left(workspace, f"no active cell of region {to_region} has it from a backup: waggle cell restore makes one"))
    return Plan(tuple(lost), tuple(steps), tuple(left))
