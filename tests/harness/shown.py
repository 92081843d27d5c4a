"""What chat was seen to answer in this run: (method, `ok` or the error's word), written down by the harness, claimed by nobody."""

import json

OK = "ok"
SHOWN: set[tuple[str, str]] = set()
API = "/api/"


def write_down(path: str, body: bytes) -> None:
    if not path.startswith(API):
        return
    answer = json.loads(body)
    SHOWN.add((path.removeprefix(API).rstrip("/"), OK if answer.get("ok") else answer["error"]))
