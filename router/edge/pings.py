"""The `ping` of a client's socket (https://api.slack.com/rtm#ping_and_pong), answered where the socket ends."""

import msgspec

PING_LENGTH_MAX = 2_048
"""A longer one goes to the cell like any message."""


def pong(text: str, seq: int | None) -> str | None:
    """The answer, with all that came but its id and type; None when `text` is no ping. `seq` is added where the client numbers events."""
    if len(text) > PING_LENGTH_MAX or '"ping"' not in text:
        return None
    try:
        frame = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(frame, dict) or frame.get("type") != "ping":
        return None
    place = {} if seq is None else {"seq": seq}
    echoed = {name: value for name, value in frame.items() if name not in ("id", "type", "seq")}
    return msgspec.json.encode({**place, "type": "pong", "reply_to": frame.get("id"), **echoed}).decode()
