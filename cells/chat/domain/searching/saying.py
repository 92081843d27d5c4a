"""What of a message or a file can be found: its words, and the marks that modifiers ask for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from cells.chat.search.hits import Document
from cells.chat.search.words import terms

FILE_TEXT_MAX = 200_000
"""Characters of a file's text that are found."""
STRINGS_MAX = 500
_SHOWN = frozenset(("text", "title", "pretext", "fallback", "value", "alt_text", "footer", "author_name"))
_LINK = re.compile(r"<?https?://")
_MARKUP = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Said:
    """A message as it stands, with what hangs on it."""

    channel_id: str
    ts_us: int
    user_id: str
    text: str
    bot_id: str | None
    extras: str | None
    thread_us: int | None
    emoji: tuple[str, ...] = ()
    pinned: bool = False
    with_file: bool = False
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Filed:
    """A file as it stands; `text` is what was read in it."""

    file_id: str
    user_id: str
    created_us: int
    title: str
    name: str
    filetype: str
    alt_txt: str
    text: str
    channels: tuple[str, ...] = ()


def message_document(said: Said, version: int = 0) -> Document:
    text = full_text(said)
    marks = {f"C:{said.channel_id}", f"U:{said.user_id}", *(f"E:{name.partition('::')[0]}" for name in said.emoji)}
    facts = {
        "has:reaction": bool(said.emoji),
        "has:link": _LINK.search(text) is not None,
        "has:pin": said.pinned,
        "has:file": said.with_file,
        "is:thread": said.answered or said.thread_us is not None,
    }
    marks |= {mark for mark, holds in facts.items() if holds}
    if said.bot_id:
        marks.add(f"U:{said.bot_id}")
    words = tuple(terms(unmarked(text)))
    return Document(said.channel_id, said.ts_us, said.thread_us or said.ts_us, words, frozenset(marks), version)


def file_document(filed: Filed, version: int = 0) -> Document:
    words = terms(f"{filed.title}\n{filed.name}\n{filed.name.replace('.', ' ')}\n{filed.alt_txt}\n{filed.text[:FILE_TEXT_MAX]}")
    marks = {f"U:{filed.user_id}", "has:file", f"T:{filed.filetype}", *(f"C:{channel}" for channel in filed.channels)}
    return Document(filed.file_id, filed.created_us, filed.created_us, tuple(words), frozenset(marks), version)


def full_text(said: Said) -> str:
    """The text, and what attachments and blocks show beside it; blocks only where the text does not say it already."""
    if said.extras is None:
        return said.text
    carried = _decode(said.extras)
    shown = [carried.get("attachments"), None if said.text else carried.get("blocks")]
    return "\n".join([said.text, *_strings(shown)])


def unmarked(text: str) -> str:
    """As people read it: labels for links, names for channels, no markup (https://api.slack.com/reference/surfaces/formatting)."""
    shown = _MARKUP.sub(_label, text) if "<" in text else text
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in shown else shown


def _label(found: re.Match[str]) -> str:
    sign, target, label = found.groups()
    if sign:
        return f" {label or target} "
    return f" {label} {target} " if label else f" {target} "


def _strings(root: Any) -> Iterator[str]:
    """A stack of its own, because clients choose the depth."""
    waiting, given = [root], 0
    while waiting and given < STRINGS_MAX:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, str) and name in _SHOWN:
                    given += 1
                    yield inner
                elif isinstance(inner, dict | list):
                    waiting.append(inner)
