"""Why a verb of a move is refused; nothing was done."""

from chassis.errors import WaggleError


class CannotMove(WaggleError):
    code = "cannot_move"
