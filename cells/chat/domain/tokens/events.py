from collections.abc import Sequence

from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event

TOKENS_REVOKED = "tokens_revoked"


def tokens_revoked(user_id: str, token_ids: Sequence[str], now_us: int) -> Event:
    """https://api.slack.com/events/tokens_revoked, told to the user; the sockets opened with these tokens end with it."""
    fields = {"type": TOKENS_REVOKED, "tokens": {"oauth": [user_id]}, "token_ids": list(token_ids), "event_ts": show_ts(now_us)}
    return Event(TOKENS_REVOKED, (user_id,), payload_of(fields))
