"""The cell's side of ownership: what the control plane may ask of it."""

from cells.runtime.transfer.attachments import AttachmentService
from cells.runtime.transfer.commands import Commands
from cells.runtime.transfer.inspection import Inspector
from cells.runtime.transfer.moving import Forgetting, Moves, OwnerDatabase, TransferService, travelling
from cells.runtime.transfer.ownership import TENANCY_TOPIC, Ownership
from cells.runtime.transfer.servicer import CellService

__all__ = [
    "TENANCY_TOPIC",
    "AttachmentService",
    "CellService",
    "Commands",
    "Forgetting",
    "Inspector",
    "Moves",
    "OwnerDatabase",
    "Ownership",
    "TransferService",
    "travelling",
]
