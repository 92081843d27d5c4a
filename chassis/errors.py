"""The root of every error that Waggle raises on purpose."""

from typing import ClassVar


class WaggleError(Exception):
    """Something refused, with a word for it that machines switch on; knows nothing of HTTP or gRPC."""

    code: ClassVar[str] = "internal_error"

    def sentence(self) -> str:
        """For people: its own words, else what its kind says of itself; empty where neither says more than `code`."""
        own = str(self)
        if own and own != self.code:
            return own
        told = (type(self).__doc__ or "").split("\n\n")[0].split()
        return " ".join(told).removesuffix(".")


class SettingsError(WaggleError):
    """A start that cannot be: one line that names the value, the variable and what is allowed."""

    code: ClassVar[str] = "bad_settings"
