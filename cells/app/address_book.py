"""Reports of addresses, on their way to the control plane."""

import grpc

from cells.chat.domain.addresses.reporting import AddressReport, Tell
from protos.directory.v1 import directory_pb2, directory_pb2_grpc

REPORT_S_MAX = 10.0


def address_book(line: grpc.aio.Channel) -> Tell:
    registration = directory_pb2_grpc.RegistrationStub(line)

    async def tell(report: AddressReport) -> None:
        """Raises grpc.aio.AioRpcError."""
        request = directory_pb2.ReportAddressesRequest(
            workspace_id=report.workspace_id, epoch=report.epoch, seq=report.seq, hashes=report.hashes
        )
        await registration.ReportAddresses(request, timeout=REPORT_S_MAX)

    return tell
