"""Addresses that are themselves the permission: signed with the workspace's secret, good for one file, for a while."""

import hashlib
import hmac
import re

_SHAPE = re.compile(r"(F[0-9A-Z]{8,20})\.([0-9]{1,12})\.([0-9a-f]{64})")


def write_capability(secret: bytes, purpose: str, file_id: str, expires_s: int) -> str:
    """`expires_s`: seconds since 1970."""
    return f"{file_id}.{expires_s}.{_signature(secret, purpose, file_id, expires_s)}"


def read_capability(secret: bytes, purpose: str, text: str, now_s: float) -> str | None:
    """The file's id; None where it is forged, for another purpose, or over."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    file_id, expires_s, signature = found[1], int(found[2]), found[3]
    if not hmac.compare_digest(signature, _signature(secret, purpose, file_id, expires_s)):
        return None
    return file_id if now_s < expires_s else None


def _signature(secret: bytes, purpose: str, file_id: str, expires_s: int) -> str:
    return hmac.new(secret, f"{purpose} {file_id} {expires_s}".encode(), hashlib.sha256).hexdigest()
