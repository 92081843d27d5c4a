"""What can be committed: a change, and a change that many can be applied of at once."""

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

from cells.runtime.log.transaction import Transaction
from chassis.errors import WaggleError

R_co = TypeVar("R_co", covariant=True)


class Change(Protocol[R_co]):
    async def apply(self, tx: Transaction) -> R_co:
        """Check, store, append; raising refuses the change and nothing of it is stored."""


class Batch(Change[R_co], Protocol[R_co]):
    """A change on a hot path. Those waiting at the same time are applied by one call, in the order they came."""

    @classmethod
    async def apply_many(cls, tx: Transaction, changes: Sequence[Self]) -> Sequence[R_co | WaggleError]:
        """One outcome for each change, in order; a WaggleError in the list refuses that one alone.

        Must not have stored or appended anything for those. If it raises, everything is rolled back and each change is
        applied by itself, so that one that cannot be stored fails alone.
        """
