from dataclasses import dataclass
from pathlib import Path

from chassis.settings import setting


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    """With neither way out, mail is thrown away, and a line in the log says so."""

    smtp_url: str | None = setting(
        "WAGGLE_MAIL_SMTP_URL", default=None, help="smtp://user:password@host:587 (TLS where offered) or smtps://host:465", secret=True
    )
    spool: Path | None = setting("WAGGLE_MAIL_SPOOL", default=None, help="folder that mail is written to where there is no SMTP server")
    sender: str = setting("WAGGLE_MAIL_FROM", default="waggle@localhost", help="address that mail comes from")
