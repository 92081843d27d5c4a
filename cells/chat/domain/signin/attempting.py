"""Counting tries before they are judged; what keeps guessers waiting (see `lockout`)."""

import hashlib
from dataclasses import dataclass

from cells.chat.domain.audits.service import note
from cells.chat.domain.signin.errors import TooManyAttempts
from cells.chat.domain.signin.lockout import FORGOTTEN_S, Kind, Record, after_failure, wait_s
from cells.chat.domain.signin.repository import SignIns
from cells.runtime.log import Transaction

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is at the door, as far as the door can tell."""

    address: str = ""
    agent: str = ""


def account_subject(email: str) -> str:
    """By its hash, and whether anybody has the address or not: neither the table nor the waiting tells."""
    return "account:" + hashlib.sha256(email.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()[:32]


def subjects_of(email: str, visitor: Visitor) -> dict[str, Kind]:
    return {account_subject(email): Kind.ACCOUNT} | ({f"address:{visitor.address}": Kind.ADDRESS} if visitor.address else {})


@dataclass(frozen=True, slots=True)
class CountAttempt:
    """A change: one more failure for the account and for the address, taken back by whoever turns out to be right.

    Raises TooManyAttempts, and counts nothing, while either has to wait.
    """

    email: str
    visitor: Visitor

    async def apply(self, tx: Transaction) -> None:
        subjects, signins, now_us = subjects_of(self.email, self.visitor), SignIns(tx.connection, tx.scope), tx.next_ts_us()
        known = await signins.attempts(subjects)
        waits_s = max((wait_s(record, now_us) for record in known.values()), default=0)
        if waits_s:
            raise TooManyAttempts(waits_s)
        after = {subject: after_failure(known.get(subject, Record()), kind, now_us) for subject, kind in subjects.items()}
        await signins.put_attempts(after)
        await signins.remove_attempts_before(now_us - FORGOTTEN_S * 1_000_000)
        if any(record.blocked_until_us for record in after.values()):
            await note(tx, NOBODY, "signin.slowed", account_subject(self.email), address=self.visitor.address)


@dataclass(frozen=True, slots=True)
class NoteFailure:
    """A change: an entry for those who look after the workspace. `target`: a user's id, or the hash of an address that nobody has."""

    target: str
    why: str
    visitor: Visitor

    async def apply(self, tx: Transaction) -> None:
        await note(tx, NOBODY, "signin.failed", self.target, address=self.visitor.address, detail=self.why)


async def forgive(tx: Transaction, email: str, visitor: Visitor) -> None:
    """Whoever was right has made no failures."""
    await SignIns(tx.connection, tx.scope).remove_attempts(subjects_of(email, visitor))
