"""The app's side of one request: what it receives, and what becomes of what it sends."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any

import structlog

from cells.runtime.ingress.parcels import ParcelAbandoned
from cells.runtime.tenancy import CommitUnknown, NotExecuted
from cells.runtime.workload import TENANT_KEY, ASGIApp, Scope
from chassis.telemetry import extract, span

_INTERNAL_ERROR = b'{"ok":false,"error":"internal_error"}'
_ASK_AGAIN = b'{"ok":false,"error":"service_unavailable"}'
_JSON = [(b"content-type", b"application/json; charset=utf-8")]
_LATER = [*_JSON, (b"retry-after", b"1")]
_log = structlog.get_logger("ingress")

Headers = list[tuple[bytes, bytes]]


class Exchange(ABC):
    """One request through the app. A subclass says where the body comes from and where the answer goes."""

    def __init__(self) -> None:
        self.started = False
        """The app has sent the head of its answer."""
        self.ended = False
        self.failed = False
        """Answered by 500 or more, by the app or for it."""
        self._status = 0
        self._headers: Headers = []

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Raises NotExecuted where nothing was stored and nothing sent. Where something was or may have been stored the client is
        told to ask again (503); any other failure of the app is answered 500 and logged.
        """
        try:
            with span("cell.request", extract(scope["headers"]), request_id=scope["waggle.request_id"], path=scope["path"]):
                await app(scope, self.receive, self.send)
        except NotExecuted:
            if self.started:
                _log.exception("refused after the answer began", request_id=scope["waggle.request_id"])
                await self._fail()
                return
            if not scope[TENANT_KEY].committed:
                raise
            await self._ask_again(scope)
        except CommitUnknown:
            await self._ask_again(scope)
        except ParcelAbandoned:
            self.ended = True  # whoever asked has gone, as people do half way through a download
        except Exception:  # noqa: BLE001 - whatever the app raises is answered 500
            _log.exception("the app failed", request_id=scope["waggle.request_id"], path=scope["path"])
            await self._fail()
        else:
            if not self.ended:
                _log.error("the app returned without a whole answer", request_id=scope["waggle.request_id"], path=scope["path"])
                await self._fail()

    async def send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            if self.started:
                raise RuntimeError("the answer began twice")
            self.started = True
            self._status, self._headers = message["status"], list(message.get("headers", ()))
            self.failed = self._status >= 500
        elif kind == "http.response.body":
            if self.ended or not self.started:
                raise RuntimeError("a body where none belongs")
            last = not message.get("more_body", False)
            self.ended = last
            await self._on_body(message.get("body", b""), last)
        else:
            raise RuntimeError(f"not an HTTP message: {kind}")

    async def _ask_again(self, scope: Scope) -> None:
        _log.warning("stored, perhaps, and not answered", request_id=scope["waggle.request_id"], path=scope["path"])
        await self._fail(503, _LATER, _ASK_AGAIN)

    async def _fail(self, status: int = 500, headers: Headers = _JSON, body: bytes = _INTERNAL_ERROR) -> None:
        self.failed = True
        if not self.ended:
            self.ended = True
            await self._on_failure(status, headers, body)

    @abstractmethod
    async def receive(self) -> dict[str, Any]: ...

    @abstractmethod
    async def _on_body(self, chunk: bytes, last: bool) -> None: ...

    @abstractmethod
    async def _on_failure(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer so, where the head has not left yet; cut the body short where it has."""


async def never() -> dict[str, Any]:
    """What `receive` waits for after the body: the client's leaving, which arrives as the task's cancellation."""
    await asyncio.get_running_loop().create_future()
    return {"type": "http.disconnect"}
