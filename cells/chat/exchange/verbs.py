"""The exchanges of chat, by name."""

from collections.abc import Mapping
from functools import partial

from cells.chat.exchange.exporting import export_archive
from cells.chat.exchange.importing import import_archive
from cells.chat.files.store import ObjectStore
from cells.runtime.workload import Exchange


def exchanges(store: ObjectStore) -> Mapping[str, Exchange]:
    """`store` is where files lie."""
    return {"workspace.import": import_archive, "workspace.export": partial(export_archive, store)}
