"""What the forwarder could not do, as the client is told. The one place where its errors become answers."""

import math

from router.edge import answers
from router.edge.answers import Answer, refusal
from router.forward import DeadlineExceeded, ForwardError, HoldTimeout, Overloaded, Refused

REFUSED_WORDS = {"suspended": "account_inactive", "not_mine": "team_not_found", "unauthorized": "not_authed"}


def answer_to(error: ForwardError) -> Answer:
    """Every answer is one that a client may act on: 429 and 503 carry Retry-After, and mean `not executed` or `ask again`."""
    if isinstance(error, Overloaded):
        return answers.ratelimited(max(1, math.ceil(error.retry_after_ms / 1000)))
    if isinstance(error, DeadlineExceeded):
        return answers.DEADLINE
    if isinstance(error, HoldTimeout):
        return answers.UNAVAILABLE
    if isinstance(error, Refused):
        return refusal(_status(error), REFUSED_WORDS.get(error.reason, "service_unavailable"))
    return answers.UNAVAILABLE


def _status(error: Refused) -> int:
    # Slack clients switch on the word; a suspended workspace answers as Slack does, in 200.
    return 200 if error.reason == "suspended" else error.status or 503
