"""Everything that can be read in a workspace, by everyone: what each method of the register answers, with whatever is there to ask for.

A method is a reading one unless its name says otherwise, so a new one is asked as soon as it is declared; one that needs an argument
nobody has heard of is an error here, not left out.
"""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import msgspec

from cells.chat.slack.methods import all_methods
from cells.chat.slack.registry import Method

ASKING_AT_ONCE = 4
ANSWER_S_MAX = 60.0
_WRITES = re.compile(
    r"(accept|add|append|archive|close|complete|confirm|create|delete|disable|edit|enable|end|enrol|invalidate|invite|join|kick|leave"
    r"|magicLink|mark|meMessage|open|password|post|redeem|remove|rename|request|reset|restore|revoke|scheduleMessage|set|sharedPublic"
    r"|start(?=[A-Z])|stop|unarchive|unfurl|update|upload|getUploadURL)"
)
PLACES, MOMENTS = ("channel", "channel_id"), ("ts", "timestamp", "message_ts")
Arguments = Mapping[str, str]
Answers = dict[tuple[str, str, str], Any]
"""By who asked, method and arguments."""


def reads() -> Mapping[str, Method]:
    return {name: method for name, method in all_methods().items() if not _WRITES.match(name.rpartition(".")[2])}


@dataclass(frozen=True)
class Known:
    """What there is to ask for, by the name of an argument; `moments`: a message of each channel."""

    values: Mapping[str, Sequence[str]]
    moments: Mapping[str, str]

    def askings(self, method: Method) -> Iterator[Arguments]:
        """Each value of each argument once, beside what the method cannot do without. Raises KeyError."""
        fields = {field.name: field.required for field in msgspec.structs.fields(method.arguments)}
        needed = {name: self.values[name][0] for name, required in fields.items() if required and name not in (*PLACES, *MOMENTS)}
        place = next((name for name in PLACES if name in fields), "")
        bound = bool(place) and fields[place]
        if not bound:
            yield needed
        for channel, ts in self.moments.items() if place else ():
            yield needed | {place: channel} | {name: ts for name in MOMENTS if name in fields}
        for name in sorted(fields.keys() & self.values.keys()) if not bound else ():
            yield from (needed | {name: value} for value in self.values[name])


def ask(api: str, token: str, method: str, arguments: Arguments) -> Any:
    """The whole answer, `ok` or not."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
    request = urllib.request.Request(f"{api}{method}", data=json.dumps(dict(arguments)).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S_MAX) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return {"status": error.code, "body": error.read(200).decode(errors="replace")}


def everything(api: str, tokens: Mapping[str, str], known: Known) -> Answers:
    """What everyone is answered to everything."""
    methods = sorted(reads().items())
    asked = [(who, name, arguments) for who in tokens for name, method in methods for arguments in known.askings(method)]
    with ThreadPoolExecutor(ASKING_AT_ONCE) as room:
        answers = room.map(lambda one: ask(api, tokens[one[0]], one[1], one[2]), asked)
        return {(who, name, shown(arguments)): answer for (who, name, arguments), answer in zip(asked, answers, strict=True)}


def shown(arguments: Arguments) -> str:
    return json.dumps(dict(arguments), sort_keys=True)


def without(answer: Any, names: frozenset[str]) -> Any:
    """The same, less the fields of these names wherever they are."""
    if isinstance(answer, dict):
        return {name: without(value, names) for name, value in answer.items() if name not in names}
    return [without(value, names) for value in answer] if isinstance(answer, list) else answer
