"""What a cell answers to a verb of a move whose database has just gone: a status that lets the step be done again."""

import asyncpg
import grpc
import pytest

from cells.runtime.transfer.moving.servicer import TransferService
from protos.cell.v1 import transfer_pb2

pytestmark = pytest.mark.anyio


class Aborted(Exception):
    pass


class Call:
    """The part of a gRPC context that an answer in error uses."""

    async def abort(self, status: grpc.StatusCode, said: str) -> None:
        raise Aborted(status, said)


class Gone:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def leftovers(self) -> list[str]:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        ConnectionRefusedError(111, "Connect call failed"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_lost_database_is_unavailable_and_its_words_stay_in_the_cell(error: Exception) -> None:
    servicer = TransferService(Gone(error))  # type: ignore[arg-type]
    with pytest.raises(Aborted) as aborted:
        await servicer.Leftovers(transfer_pb2.LeftoversRequest(), Call())
    assert aborted.value.args == (grpc.StatusCode.UNAVAILABLE, f"{type(error).__name__} in the cell")
