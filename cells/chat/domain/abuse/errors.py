from cells.chat.domain.errors import DomainError


class SlowDown(DomainError):
    """The same once more, or one link more, but not yet; answered with HTTP 429."""

    code = "ratelimited"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"wait {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Flooding(DomainError):
    """It was said too often within a window of time: refused until the window has passed."""

    code = "restricted_action"
