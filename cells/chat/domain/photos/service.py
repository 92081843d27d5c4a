import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from cells.chat.domain.photos.cutting import SIZES_PX
from cells.chat.domain.photos.repository import Photos
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.service import require_user
from cells.chat.domain.users.telling import tell_changed
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class ChangePhoto:
    """A change; `images` of `cutting.cut`, empty: none from now on. `page`: where the workspace's pages are, with a slash at the end."""

    user_id: UserId
    images: Mapping[int, bytes]
    page: str

    async def apply(self, tx: Transaction) -> User:
        user = await require_user(tx.connection, tx.scope, self.user_id)
        photo_id = secrets.token_hex(16)
        await Photos(tx.connection, tx.scope).replace(user.user_id, photo_id, self.images)
        profile = msgspec.json.decode(user.profile)
        kept = {name: value for name, value in profile.items() if not name.startswith("image_") and name != "avatar_hash"}
        shown = {f"image_{size}": f"{self.page}photos/{photo_id}/{size}.png" for size in SIZES_PX}
        shown |= {"image_original": shown[f"image_{max(SIZES_PX)}"], "avatar_hash": photo_id[:12]}
        text = msgspec.json.encode(kept | (shown if self.images else {})).decode()
        user = replace(user, profile=text, updated_us=tx.next_ts_us())
        await Users(tx.connection, tx.scope).change_profile(user)
        await tell_changed(tx, user)
        return user
