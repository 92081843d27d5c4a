"""What a channel may be called (https://api.slack.com/methods/conversations.create#naming)."""

from cells.chat.domain.channels.errors import NameHasSpecials, NameInvalid, NameIsPunctuation, NameRequired, NameTooLong

NAME_LENGTH_MAX = 80
_PUNCTUATION = frozenset("-_")


def checked_name(name: str) -> str:
    """The name as stored, a leading `#` dropped. Letters of any script are welcome, in lower case."""
    stored = name.strip().removeprefix("#")
    if not stored:
        raise NameRequired
    if len(stored) > NAME_LENGTH_MAX:
        raise NameTooLong
    if set(stored) <= _PUNCTUATION:
        raise NameIsPunctuation
    if not all(letter.isalnum() or letter in _PUNCTUATION for letter in stored):
        raise NameHasSpecials
    if stored != stored.lower():
        raise NameInvalid
    return stored
