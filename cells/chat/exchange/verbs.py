"""The exchanges of chat, by name."""

from collections.abc import Mapping
from functools import partial

from cells.chat.exchange.exporting import export_archive
from cells.chat.exchange.importing import import_archive
from cells.chat.files.intake import Intake
from cells.runtime.workload import Exchange


def exchanges(intake: Intake) -> Mapping[str, Exchange]:
    """`intake` takes files, and knows where they lie."""
    return {"workspace.import": partial(import_archive, intake), "workspace.export": partial(export_archive, intake.store)}
