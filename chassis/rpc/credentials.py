"""The cluster's credential: one secret in a file that its owner alone may read."""

import os
import secrets
import stat
from pathlib import Path

from chassis.errors import SettingsError

CREDENTIAL_BYTES_MAX = 4096
CREDENTIAL_CHARACTERS_MIN = 16
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_credential_file(path: Path | str) -> str:
    """Make the file with a new secret, mode 0600, and return the secret; a file that is there already is read instead."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write_private(part, secrets.token_urlsafe(32) + "\n")
        os.link(part, path)  # fails where a file is: of two first starts one wins, and nobody reads half a file
    except FileExistsError:
        pass  # the other start's credential is as good as ours; it is read below
    finally:
        part.unlink(missing_ok=True)
    return credential_from_file(path)


def credential_from_file(path: Path | str) -> str:
    """The secret in the file; raises SettingsError where it is missing, too short, or open to group or others."""
    try:
        with Path(path).open("rb") as file:
            if _is_open(os.fstat(file.fileno()), os.geteuid()):
                raise SettingsError(f"credential file {path} is open to other users; allowed: mode 0600 (chmod 600 {path})")
            text = file.read(CREDENTIAL_BYTES_MAX).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"credential file {path} cannot be read: {wrong}") from None
    return require_credential(text, f"credential file {path}")


def _is_open(file: os.stat_result, reader: int) -> bool:
    """Whether more may touch it than need. Somebody else's file (Kubernetes mounts root's) reaches us by its group alone."""
    beyond = _OTHERS if file.st_uid == reader else _OTHERS & ~stat.S_IRGRP
    return bool(stat.S_IMODE(file.st_mode) & beyond)


def require_credential(text: str, source: str) -> str:
    """`text`, when it can travel in a header and is not guessable by being short; raises SettingsError naming `source`."""
    if len(text) < CREDENTIAL_CHARACTERS_MIN or not (text.isascii() and text.isprintable()) or " " in text:
        raise SettingsError(f"{source} holds no credential; allowed: {CREDENTIAL_CHARACTERS_MIN} or more printable characters on one line")
    return text


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
