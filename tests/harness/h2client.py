"""The least of an HTTP/2 client."""

import asyncio
import ssl
from collections.abc import Mapping

import h2.config
import h2.connection
import h2.events


async def h2_get(port: int, context: ssl.SSLContext, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Status and body of one GET to localhost, over TLS with ALPN h2."""
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    connection.initiate_connection()
    pseudo = {":method": "GET", ":path": path, ":scheme": "https", ":authority": f"localhost:{port}"}
    connection.send_headers(1, list((pseudo | dict(headers)).items()), end_stream=True)
    writer.write(connection.data_to_send())
    status, body = 0, b""
    try:
        async with asyncio.timeout(10):
            while True:
                for event in connection.receive_data(await reader.read(65_536)):
                    if isinstance(event, h2.events.ResponseReceived):
                        status = int(dict(event.headers)[b":status"])
                    elif isinstance(event, h2.events.DataReceived):
                        body += event.data
                    elif isinstance(event, h2.events.StreamEnded):
                        return status, body
                writer.write(connection.data_to_send())
    finally:
        writer.close()
