"""`typing` in, `user_typing` out: to the channel's members who have a socket, never stored."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from cells.chat.domain.payloads import payload_of
from cells.runtime.workload import Admitted, Effect, Passing
from chassis.clock import Clock

EVERY_S = 3.0
REMEMBERED_MAX = 65_536
_CHANNEL = re.compile(r"[CDG][0-9A-Z]{2,30}")


class Typings:
    """At most one news of a user and channel in `EVERY_S`, from this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def on_typing(self, workspace_id: str, session: Admitted, frame: Mapping[str, Any]) -> Sequence[Effect]:
        """Whether the user is in the channel is the gateway's to see: it passes on to groups of the session alone."""
        channel_id, user_id = frame.get("channel"), session.user_id
        if not isinstance(channel_id, str) or not _CHANNEL.fullmatch(channel_id) or not self._due((workspace_id, channel_id, user_id)):
            return ()
        text = payload_of({"type": "user_typing", "channel": channel_id, "user": user_id})
        return (Passing((channel_id,), text, without=(user_id,), key=f"typing:{channel_id}:{user_id}"),)

    def _due(self, key: tuple[str, str, str]) -> bool:
        now_s = self._clock.monotonic_s()
        if now_s - self._told.get(key, float("-inf")) < EVERY_S:
            return False
        self._told[key] = now_s
        self._told.move_to_end(key)
        if len(self._told) > REMEMBERED_MAX:
            self._told.popitem(last=False)
        return True
