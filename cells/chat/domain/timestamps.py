"""`ts` as Slack shows it: seconds, a dot, six digits of microseconds; kept and compared as whole microseconds since 1970."""

import re

_TS = re.compile(r"([0-9]{1,11})(?:\.([0-9]{1,9}))?", re.ASCII)


def show_ts(ts_us: int) -> str:
    return f"{ts_us // 1_000_000}.{ts_us % 1_000_000:06d}"


def read_ts(text: str) -> int | None:
    """Microseconds; None where it is no timestamp. Digits below a microsecond are dropped (`str(time.time())` has seven)."""
    found = _TS.fullmatch(text)
    return int(found[1]) * 1_000_000 + int((found[2] or "").ljust(6, "0")[:6]) if found else None
