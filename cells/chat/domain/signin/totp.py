"""The second factor: codes that change every 30 s (RFC 6238), and codes on paper for when the telephone is gone. Pure.

The seed is not stored: it is made of the workspace's own secret and a nonce, so a copied table of credentials holds none.
"""

import base64
import hashlib
import hmac
import secrets

import pyotp

STEP_S = 30
DRIFT_STEPS = 1
"""Clocks may be this many steps apart."""
NONCE_BYTES = 16
RECOVERY_CODES = 10
_CODE_DIGITS = 6


def seed_of(secret: bytes, user_id: str, nonce: bytes) -> str:
    """Base32, as authenticators want it."""
    digest = hmac.digest(secret, b"waggle totp 1\0" + user_id.encode() + b"\0" + nonce, hashlib.sha256)
    return base64.b32encode(digest[:20]).decode()


def uri_of(seed: str, account: str, issuer: str) -> str:
    """What a QR code shows (otpauth://totp/...)."""
    return pyotp.TOTP(seed).provisioning_uri(name=account, issuer_name=issuer)


def step_of(seed: str, code: str, now_us: int, last_step: int) -> int | None:
    """The step that `code` belongs to, later than the last one used; None where it is wrong. As long for every wrong code."""
    totp, now_step = pyotp.TOTP(seed), now_us // 1_000_000 // STEP_S
    given = code.replace(" ", "")[: _CODE_DIGITS * 2].encode("utf-8", "replace")
    found = None
    for step in range(now_step - DRIFT_STEPS, now_step + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.at(step * STEP_S).encode(), given) and step > last_step:
            found = step
    return found


def make_recovery_codes() -> list[str]:
    """80 random bits each, as four words of four."""
    return [_in_words(base64.b32encode(secrets.token_bytes(10)).decode().lower()) for _ in range(RECOVERY_CODES)]


def hash_of_code(code: str) -> bytes:
    """Blanks, dashes and case do not count."""
    return hashlib.sha256("".join(c for c in code.lower() if c.isalnum()).encode()).digest()


def looks_like_recovery(code: str) -> bool:
    return any(c.isalpha() for c in code)


def _in_words(text: str) -> str:
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))
