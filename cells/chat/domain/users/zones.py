"""Time zones as users show them (https://api.slack.com/types/user): name, label, seconds east of UTC at the moment of asking."""

import zoneinfo
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

UTC_FACE = {"tz": "Etc/UTC", "tz_label": "Coordinated Universal Time", "tz_offset": 0}
_DAY_US = 86_400_000_000


def zone_face(name: str, now_us: int) -> dict[str, Any]:
    """Daylight saving changes it; looked at anew each day. A zone that this machine does not know is shown as UTC."""
    return UTC_FACE if name == UTC_FACE["tz"] else _face_on(name, now_us // _DAY_US)


@lru_cache(maxsize=1024)
def _face_on(name: str, day: int) -> dict[str, Any]:
    zone = _zone(name)
    if zone is None:
        return UTC_FACE
    offset = datetime.fromtimestamp(day * 86_400, UTC).astimezone(zone).utcoffset()
    return {"tz": name, "tz_label": name.rpartition("/")[2].replace("_", " "), "tz_offset": int(offset.total_seconds()) if offset else 0}


@lru_cache(maxsize=1024)
def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
