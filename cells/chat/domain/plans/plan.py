"""The plans there are. One table: what each allows; None is any number."""

from collections.abc import Mapping
from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    messages_a_day: int | None
    """Since midnight UTC, of all members and bots together."""
    members: int | None
    """People that are not switched off, guests included, bots not."""
    storage_bytes: int | None
    """Of all files together."""
    message_days: int | None = None
    """How long messages are kept where the workspace says nothing itself; None: for ever."""
    abuse_checked: bool = True
    """Whether repetition and floods of links are slowed and refused."""


PLANS: Mapping[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan("free", 100_000, 1_000, 10 * GIB),
        Plan("standard", 2_000_000, 50_000, 1_000 * GIB),
        Plan("unlimited", None, None, None, abuse_checked=False),
    )
}
DEFAULT = "free"
