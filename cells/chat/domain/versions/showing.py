"""A version as administrators are shown it."""

from typing import Any

import msgspec

from cells.chat.domain.messages.events import PRIVATE
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.versions.repository import Version

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def version_face(version: Version) -> dict[str, Any]:
    """Who wrote it and when (nobody: as it was posted), until when it stood, and who ended it how."""
    carried = _decode(version.extras) if version.extras else {}
    carried.pop(PRIVATE, None)
    return {
        "text": version.text,
        **carried,
        "edited_by": version.edited_by,
        "edited_ts": show_ts(version.edited_us) if version.edited_us else None,
        "until_ts": show_ts(version.until_us),
        "ended_by": version.ended_by,
        "ended_how": str(version.ended_how),
    }
