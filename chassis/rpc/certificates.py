"""Certificates as they are in their files now: whoever renews them (cert-manager, a person) replaces the files, and nobody restarts."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from chassis.errors import SettingsError

log = structlog.get_logger("tls")


class Files(Protocol):
    @property
    def cert(self) -> Path | None: ...
    @property
    def key(self) -> Path | None: ...
    @property
    def ca(self) -> Path | None: ...


@dataclass(frozen=True, slots=True)
class Pems:
    cert: bytes | None
    key: bytes | None
    ca: bytes | None


class Certificates:
    """What `files` held when they last fitted together. Raises SettingsError where they do not from the start."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._marks = self._seen()
        self.pems = pems_of(files)

    def renewed(self) -> Pems | None:
        """New ones, once; None while nothing has changed or what has is not whole: the old ones are good until then."""
        marks = self._seen()
        if marks == self._marks:
            return None
        self._marks = marks
        try:
            pems = pems_of(self._files)
        except SettingsError as wrong:
            log.warning("certificates_not_renewed", reason=str(wrong))
            return None
        if pems == self.pems:
            return None
        self.pems = pems
        log.info("certificates_renewed", cert=str(self._files.cert), ca=str(self._files.ca))
        return pems

    def _seen(self) -> tuple[object, ...]:
        return tuple(_mark(path) for path in (self._files.cert, self._files.key, self._files.ca))


def pems_of(files: Files) -> Pems:
    """Read while nothing changes beneath. Raises SettingsError for what cannot be read, is no PEM, or does not belong together."""
    if (files.cert is None) != (files.key is None):
        raise SettingsError("WAGGLE_TLS_CERT and WAGGLE_TLS_KEY go together; one is set without the other")
    pems = _read(files)
    if files.cert is not None:
        _check_pair(files.cert, files.key)
    if _read(files) != pems:
        raise SettingsError(f"WAGGLE_TLS_CERT: '{files.cert}' is being replaced just now")
    return pems


def _read(files: Files) -> Pems:
    return Pems(_pem(files.cert, "WAGGLE_TLS_CERT"), _pem(files.key, "WAGGLE_TLS_KEY"), _pem(files.ca, "WAGGLE_TLS_CA"))


def _check_pair(cert: Path, key: Path | None) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except (ssl.SSLError, OSError) as wrong:
        raise SettingsError(f"WAGGLE_TLS_CERT: '{cert}' does not go with WAGGLE_TLS_KEY: '{key}' ({wrong})") from None


def _pem(path: Path | None, variable: str) -> bytes | None:
    if path is None:
        return None
    try:
        text = path.read_bytes()
    except OSError as wrong:
        raise SettingsError(f"{variable}: {str(path)!r} cannot be read ({wrong.strerror}); it must be a PEM file") from None
    if b"-----BEGIN " not in text:
        raise SettingsError(f"{variable}: {str(path)!r} is not a PEM file")
    return text


def _mark(path: Path | None) -> object:
    """What differs once the file does, without reading it; follows the links that Kubernetes swaps."""
    if path is None:
        return None
    try:
        seen = os.stat(path)  # noqa: PTH116 - a third of Path.stat's cost, and this is asked at each call
    except OSError as missing:
        return missing.errno
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
