"""All that chat offers about people: one place that knows what these methods need."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cells.chat.domain.signin.passwords import Passwords
from cells.chat.slack import bots, emoji, photos, prefs, stars, team, users
from cells.chat.slack.accounts import Accounts
from cells.chat.slack.afterwards import Afterwards
from cells.chat.slack.auth import methods as auth_methods
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.boot import METHODS as BOOT
from cells.chat.slack.granting import Granting
from cells.chat.slack.registry import Method
from cells.chat.slack.securing import Securing
from cells.chat.slack.signin import Door
from chassis.mail import Mailer, MailSettings, carrier_of

PUBLIC_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class People:
    bearers: Bearers
    mailer: Mailer = field(default_factory=lambda: Mailer(carrier_of(MailSettings()), "waggle@localhost"))
    public_url: str = PUBLIC_URL
    """Where clients reach the platform; links in mail begin with it."""
    passwords: Passwords = field(default_factory=Passwords)
    afterwards: Afterwards = field(default_factory=Afterwards)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Mail leaves while the block runs."""
        async with self.mailer.running():
            try:
                yield
            finally:
                await self.afterwards.settle()

    def methods(self) -> tuple[Method, ...]:
        door = Door(self.passwords, self.mailer, self.public_url, self.bearers, self.afterwards)
        return (
            *auth_methods(self.bearers),
            *team.METHODS,
            *users.METHODS,
            *prefs.METHODS,
            *photos.methods(self.public_url),
            *bots.METHODS,
            *BOOT,
            *emoji.METHODS,
            *stars.METHODS,
            *Accounts(self.bearers).methods(),
            *Granting(self.mailer, self.public_url, self.bearers).methods(),
            *door.methods(),
            *Securing(self.passwords, self.bearers).methods(),
        )
