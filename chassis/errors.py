"""The root of every error that Waggle raises on purpose."""

from typing import ClassVar


class WaggleError(Exception):
    """Something refused, with a word for it that machines switch on; knows nothing of HTTP or gRPC."""

    code: ClassVar[str] = "internal_error"


class SettingsError(WaggleError):
    """A start that cannot be: one line that names the value, the variable and what is allowed."""

    code: ClassVar[str] = "bad_settings"
