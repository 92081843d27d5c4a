"""As much of S3 as obstore speaks: objects, ranges, uploads in parts, lists. Signatures are asked for and not checked."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

MODIFIED = "Sat, 21 Nov 2026 08:00:00 GMT"


@dataclass
class Bucket:
    """`objects`: body and the headers it was put with, by key."""

    url: str = ""
    objects: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    puts: list[int] = field(default_factory=list)
    """Sizes of the bodies that came."""


def _handler(bucket: Bucket) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        kept: ClassVar[dict[str, dict[str, str]]] = {}

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def _asked(self) -> tuple[str, dict[str, str], bytes]:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            assert "authorization" in self.headers or "X-Amz-Signature" in query, "not signed"
            return unquote(parts.path).split("/", 2)[2] if parts.path.count("/") > 1 else "", query, body

        def _say(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _labels(self) -> dict[str, str]:
            return {name: self.headers[name] for name in ("Content-Type", "Content-Disposition") if name in self.headers}

        def do_PUT(self) -> None:
            key, query, body = self._asked()
            bucket.puts.append(len(body))
            if "uploadId" in query:
                bucket.parts[query["uploadId"]][int(query["partNumber"])] = body
            elif self.headers.get("if-none-match") == "*" and key in bucket.objects:
                return self._say(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            else:
                bucket.objects[key] = (body, self._labels())
            return self._say(200, ETag='"e"')

        def do_POST(self) -> None:
            key, query, body = self._asked()
            if "delete" in query:
                gone = re.findall(r"<Key>(.*?)</Key>", body.decode())
                for each in gone:
                    bucket.objects.pop(unescape(each), None)
                told = "".join(f"<Deleted><Key>{each}</Key></Deleted>" for each in gone)
                return self._say(200, f"<DeleteResult>{told}</DeleteResult>".encode())
            if "uploads" in query:
                upload = f"u{len(self.kept)}"
                self.kept[upload], bucket.parts[upload] = self._labels(), {}
                made = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                return self._say(200, made.encode())
            parts = bucket.parts.pop(query["uploadId"])
            bucket.objects[key] = (b"".join(parts[number] for number in sorted(parts)), self.kept[query["uploadId"]])
            done = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
            return self._say(200, done.encode())

        def do_GET(self) -> None:
            key, query, _ = self._asked()
            if "list-type" in query:
                return self._list(query.get("prefix", ""))
            found = bucket.objects.get(key)
            if found is None:
                return self._say(404, b"<Error><Code>NoSuchKey</Code></Error>")
            body, labels = found
            asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", self.headers.get("range", ""))
            if asked is None:
                return self._say(200, body, ETag='"e"', Last_Modified=MODIFIED, **labels)
            start, end = int(asked[1]), int(asked[2] or len(body) - 1)
            span = f"bytes {start}-{end}/{len(body)}"
            return self._say(206, body[start : end + 1], ETag='"e"', Last_Modified=MODIFIED, Content_Range=span, **labels)

        do_HEAD = do_GET

        def do_DELETE(self) -> None:
            key, query, _ = self._asked()
            bucket.parts.pop(query.get("uploadId", ""), None)
            bucket.objects.pop(key, None)
            self._say(204)

        def _list(self, prefix: str) -> None:
            entries = "".join(
                f"<Contents><Key>{escape(key)}</Key><Size>{len(body)}</Size><LastModified>2026-11-21T08:00:00.000Z</LastModified>"
                "<ETag>e</ETag></Contents>"
                for key, (body, _) in sorted(bucket.objects.items())
                if key.startswith(prefix)
            )
            self._say(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode())

    return Handler


@contextmanager
def a_bucket() -> Iterator[Bucket]:
    bucket = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(bucket))
    server.daemon_threads = True
    bucket.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
