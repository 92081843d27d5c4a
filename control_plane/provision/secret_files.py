"""Passwords made here and kept in files that only their owner reads."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 24


def kept_secret(path: Path) -> str:
    """The secret in `path`, made at first use. Mode 0600 from its first moment; written whole or not at all."""
    if path.exists():
        return path.read_text("ascii").strip()
    secret = secrets.token_urlsafe(SECRET_BYTES)
    write_private(path, secret + "\n")
    return secret


def write_private(path: Path, text: str) -> None:
    """Replace `path` by rename with a file of mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staging.replace(path)
