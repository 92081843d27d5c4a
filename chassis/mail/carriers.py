"""How a letter leaves. Blocking: run by the mailer in a thread."""

import os
import secrets
import smtplib
import ssl
import time
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import structlog

from chassis.errors import SettingsError
from chassis.mail.settings import MailSettings

TIMEOUT_S = 10.0
PORTS = {"smtp": 25, "smtps": 465}


class Carrier(Protocol):
    def carry(self, message: EmailMessage) -> None:
        """Raises OSError (of which SMTPException is one) where it did not leave."""


@dataclass(frozen=True, slots=True)
class Spool:
    """A file `<time>-<random>.eml` a letter, readable by its owner alone; whole or not there."""

    folder: Path

    def carry(self, message: EmailMessage) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        part = self.folder / f".{name}.part"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(bytes(message))
        part.replace(self.folder / f"{name}.eml")


@dataclass(frozen=True, slots=True)
class Smtp:
    """A connection a letter. A password never goes over a connection without TLS."""

    host: str
    port: int
    tls_at_once: bool
    user: str = ""
    password: str = ""

    def carry(self, message: EmailMessage) -> None:
        with self._connected() as server:
            if self.user:
                server.login(self.user, self.password)
            server.send_message(message)

    def _connected(self) -> smtplib.SMTP:
        tls = ssl.create_default_context()
        if self.tls_at_once:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=tls)
        server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        server.ehlo_or_helo_if_needed()
        if self.user or server.has_extn("starttls"):
            server.starttls(context=tls)
        return server


class Nowhere:
    def carry(self, message: EmailMessage) -> None:
        log = structlog.get_logger("mail")
        log.warning("mail thrown away: neither WAGGLE_MAIL_SMTP_URL nor WAGGLE_MAIL_SPOOL is set", subject=message["Subject"])


def carrier_of(settings: MailSettings) -> Carrier:
    """Raises SettingsError for an address that is none."""
    if settings.smtp_url is not None:
        return _smtp(settings.smtp_url)
    return Spool(settings.spool) if settings.spool is not None else Nowhere()


def _smtp(url: str) -> Smtp:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        host, port = None, 0
    if not host:
        raise SettingsError("WAGGLE_MAIL_SMTP_URL is not allowed; allowed: smtp://[user:password@]host[:port] or smtps://...")
    return Smtp(host, port, parts.scheme == "smtps", unquote(parts.username or ""), unquote(parts.password or ""))
