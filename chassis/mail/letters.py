from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    text: str

    def message(self, sender: str) -> EmailMessage:
        """Raises ValueError for an address or subject that holds a line break."""
        message = EmailMessage(policy=SMTP)
        message["From"] = sender
        message["To"] = self.to
        message["Subject"] = self.subject
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or "localhost")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text, cte="7bit" if self.text.isascii() else "quoted-printable")  # long links stay whole
        return message
