"""users.setPhoto, users.deletePhoto, and `GET /photos/ID/SIZE.png`, which whoever has the address may see, as Slack's avatars."""

import asyncio
import re
from typing import Any

import msgspec

from cells.chat.domain.photos.cutting import cut
from cells.chat.domain.photos.errors import BadImage, ImageTooLarge, NoImage, TooManyFrames
from cells.chat.domain.photos.repository import Photos
from cells.chat.domain.photos.service import ChangePhoto
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.letters import page_of
from cells.chat.slack.profiles import shown_profile
from cells.chat.slack.registry import MULTIPART, Method, NoArguments, Tier
from cells.runtime.workload import TENANT_KEY, ASGIApp, Receive, Scope, Send, Tenant

WRITE = ("users.profile:write",)
_PATH = re.compile(r"/photos/(?P<photo>[0-9a-f]{32})/(?P<size>[0-9]{1,4})\.png")


class SetArguments(msgspec.Struct):
    image: bytes = b""
    crop_x: int = 0
    crop_y: int = 0
    crop_w: int = 0


async def delete(call: Call[NoArguments]) -> Answer:
    await call.tenant.commit(ChangePhoto(call.bearer.user_id, {}, ""))
    return {}


def methods(public_url: str) -> tuple[Method, ...]:
    """Addresses of photos begin with `public_url`, whatever address the request came to."""

    async def set_(call: Call[SetArguments]) -> Answer:
        """One's own."""
        given = call.arguments
        if not given.image:
            raise NoImage
        images = await asyncio.to_thread(cut, given.image, (given.crop_x, given.crop_y, given.crop_w))
        page = page_of(public_url, call.bearer.team_domain)
        user = await call.tenant.commit(ChangePhoto(call.bearer.user_id, images, page))
        return {"profile": shown_profile(call, user)}

    refusals = (NoImage, BadImage, ImageTooLarge, TooManyFrames)
    return (
        Method("users.setPhoto", set_, Tier.TWO, SetArguments, WRITE, refusals, content_types=(MULTIPART,)),
        Method("users.deletePhoto", delete, Tier.TWO, NoArguments, WRITE),
    )


class PhotoDoor:
    """Before an app: takes `GET /photos/...` and leaves the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        if found is None:
            return await self._app(scope, receive, send)
        tenant: Tenant = scope[TENANT_KEY]
        async with tenant.reading() as connection:
            image = await Photos(connection, tenant.scope).get(found["photo"], int(found["size"]))
        return await _send(send, image, head_only=scope["method"] == "HEAD")


async def _send(send: Send, image: bytes | None, *, head_only: bool) -> None:
    body = image if image is not None else b'{"ok":false,"error":"not_found"}'
    kind = b"image/png" if image is not None else b"application/json; charset=utf-8"
    headers: list[Any] = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"x-content-type-options", b"nosniff")]
    headers.append((b"cache-control", b"public, max-age=31536000, immutable" if image is not None else b"no-store"))
    await send({"type": "http.response.start", "status": 200 if image is not None else 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head_only else body})
