"""Where letters end up in tests."""

import re

from chassis.mail import Mail, Mailer
from chassis.mail.carriers import Nowhere
from tests.harness.eventually import eventually

_CODE = re.compile(r"#(?:code|reset|invitation)=([\w-]+)")


class Mailbox(Mailer):
    def __init__(self) -> None:
        super().__init__(Nowhere(), "waggle@localhost")
        self.letters: list[Mail] = []

    def send(self, mail: Mail) -> bool:
        self.letters.append(mail)
        return True

    async def code(self, to: str) -> str:
        """Of the next letter to this address, which is taken out."""
        letter = await eventually(lambda: next((mail for mail in self.letters if mail.to == to), None), within_s=5, every_s=0.01)
        assert letter is not None
        self.letters.remove(letter)
        found = _CODE.search(letter.text)
        assert found is not None, letter
        return found[1]
