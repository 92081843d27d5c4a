"""For each method arguments that are right, so that only who asks decides. Every asking is called `_`: the register keeps it."""

from tests.contract.askings import accounts, channels, files, messages, people

__all__ = ["accounts", "channels", "files", "messages", "people"]
