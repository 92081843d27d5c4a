"""What a step comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import WaggleError


class StepRefused(WaggleError):
    """It cannot be done, and trying again would not help."""

    code = "step_refused"


@dataclass(frozen=True, slots=True)
class Done:
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: ask again after `wait_s`."""

    wait_s: float
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Switch:
    """All is ready for the decision: the workspace is `cell`'s at `epoch`."""

    cell: str
    epoch: int
    facts: Mapping[str, Any] = field(default_factory=dict)


Outcome = Done | Wait | Switch
