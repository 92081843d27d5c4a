"""The cell's side of a move: publish, copy, follow, mark, compare, purge. Everything made is named after its move."""

from cells.runtime.transfer.moving.forgetting import Forgetting
from cells.runtime.transfer.moving.moves import Moves
from cells.runtime.transfer.moving.owner import OwnerDatabase
from cells.runtime.transfer.moving.servicer import TransferService
from cells.runtime.transfer.moving.travelling import travelling

__all__ = ["Forgetting", "Moves", "OwnerDatabase", "TransferService", "travelling"]
