"""`api.test` without a token: tells that the edge is there, and gives back what it was sent. https://api.slack.com/methods/api.test"""

from urllib.parse import parse_qsl

import msgspec

from router.edge.answers import Answer, refusal
from router.edge.head import Head

FIELDS_MAX = 100


def answer_api_test(head: Head, body: bytes) -> Answer:
    given = _arguments(head.get(b"content-type"), body)
    if given is None:
        return refusal(200, "invalid_json")
    args = _pairs(head.query) | given
    said: dict[str, object] = {"ok": "error" not in args}
    if "error" in args:
        said["error"] = args["error"]
    return Answer(200, msgspec.json.encode(said | {"args": args}))


def _arguments(content_type: bytes, body: bytes) -> dict[str, object] | None:
    """None: not JSON, though it says so."""
    if not body or not content_type.startswith(b"application/json"):
        return _pairs(body) if content_type.startswith(b"application/x-www-form-urlencoded") else {}
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _pairs(text: bytes) -> dict[str, object]:
    try:
        return dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        return {}
