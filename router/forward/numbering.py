"""The seq of an event inside its text, for clients that asked for it: they name the last one when they come back by themselves."""

from functools import lru_cache

KEPT = 16


@lru_cache(maxsize=KEPT)
def numbered(text: str, seq: int) -> str:
    """`text`, a JSON object, with `"seq"` as its first field; other text as it is. The same string for every socket of an event."""
    if not text.startswith("{"):
        return text
    return f'{{"seq":{seq}}}' if text == "{}" else f'{{"seq":{seq},{text[1:]}'
