"""Mail on its way out: over SMTP, or into a folder where somebody reads it."""

from chassis.mail.carriers import Carrier, Smtp, Spool, carrier_of
from chassis.mail.letters import Mail
from chassis.mail.mailer import Mailer
from chassis.mail.settings import MailSettings

__all__ = ["Carrier", "Mail", "MailSettings", "Mailer", "Smtp", "Spool", "carrier_of"]
