"""api.*"""

import msgspec

from cells.chat.slack.call import Answer, Call
from cells.chat.slack.registry import Method, Tier


class TestArguments(msgspec.Struct):
    error: str = ""


async def test(call: Call[TestArguments]) -> Answer:
    """Echoes; with `error` it fails with that word."""
    answer: Answer = {"args": call.given} if call.given else {}
    if call.arguments.error:
        answer |= {"ok": False, "error": call.arguments.error}
    return answer


METHODS = (Method("api.test", test, Tier.FOUR, TestArguments, needs_token=False),)
