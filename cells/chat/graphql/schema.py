"""What can be asked for. Names as clients know them from Slack, in GraphQL's spelling."""

from enum import Enum
from typing import Any, cast

import strawberry
from strawberry.schema.config import StrawberryConfig

from cells.chat.graphql.executor import Rows
from cells.chat.graphql.limits import LISTS
from cells.chat.graphql.loading import Loads

MEMBERS_MAX, CHANNELS_MAX = 5_000, 5_000


@strawberry.enum(name="ChannelKind")
class Kind(Enum):
    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"
    IM = "IM"
    MPIM = "MPIM"


@strawberry.enum(name="Role")
class Role(Enum):
    PRIMARY_OWNER = "PRIMARY_OWNER"
    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    GUEST = "GUEST"
    SINGLE_GUEST = "SINGLE_GUEST"
    BOT = "BOT"


@strawberry.type(description="The workspace that the token is of.")
class Workspace:
    id: strawberry.ID
    name: str
    domain: str
    general_id: strawberry.ID
    created: int = strawberry.field(description="seconds since 1970")


@strawberry.type(description="A person or a bot.")
class User:
    id: strawberry.ID
    name: str
    real_name: str
    display_name: str
    title: str
    email: str | None = strawberry.field(description="null without the scope users:read.email")
    role: Role
    is_bot: bool
    deleted: bool
    status_text: str
    status_emoji: str
    updated: int = strawberry.field(description="seconds since 1970")
    presence: str = strawberry.field(description="active or away")


@strawberry.type
class Message:
    ts: str
    text: str
    user_id: strawberry.ID | None
    thread_ts: str | None
    user: User | None = strawberry.field(description="its author; presence is not looked up here")


@strawberry.type(description="A conversation that the viewer is in.")
class Channel:
    id: strawberry.ID
    kind: Kind
    name: str
    topic: str
    purpose: str
    creator_id: strawberry.ID
    created: int = strawberry.field(description="seconds since 1970")
    is_general: bool
    is_archived: bool
    member_count: int
    user_id: strawberry.ID | None = strawberry.field(description="of a direct message: the other one")
    last_read: str | None
    latest: str | None = strawberry.field(description="ts of the last message")
    has_unread: bool
    unread_count: int = strawberry.field(description="as clients show it in red: messages of direct conversations, else mentions")
    mention_count: int
    last_message: Message | None = strawberry.field(description="null where nothing was said, or without the scope to read history")


Info = strawberry.Info[Loads, None]


@strawberry.type
class Query:
    @strawberry.field
    async def workspace(self, info: Info) -> Workspace:
        record = await info.context.viewer()
        row = {"id": record["team_id"], "name": record["team_name"], "domain": record["domain"], "generalId": record["general_id"]}
        return cast("Workspace", row | {"created": record["created_us"] // 1_000_000})

    @strawberry.field(description="Whose token it is.")  # type: ignore[untyped-decorator]  # by the library
    async def me(self, info: Info) -> User:
        return cast("User", await info.context.me(with_presence=_asks_for(info, "presence")))

    @strawberry.field(description="The conversations one is in and that are not archived, the latest news first.")  # type: ignore[untyped-decorator]  # by the library
    async def channels(self, info: Info, first: int = LISTS["channels"]) -> list[Channel]:
        bounded = max(0, min(first, CHANNELS_MAX))
        return cast("list[Channel]", Rows(await info.context.channels(bounded, with_last=_asks_for(info, "lastMessage"))))

    @strawberry.field(description="Everyone one may know of, by id.")  # type: ignore[untyped-decorator]  # by the library
    async def members(self, info: Info, first: int = LISTS["members"], after: str = "") -> list[User]:
        bounded = max(0, min(first, MEMBERS_MAX))
        return cast("list[User]", await info.context.members(after, bounded, with_presence=_asks_for(info, "presence")))

    @strawberry.field
    async def user(self, info: Info, id: strawberry.ID) -> User | None:
        return cast("User | None", await info.context.users.load(id))


def _asks_for(info: Info, name: str) -> bool:
    """Anywhere below this field, whatever it is renamed to."""
    return any(_names(selected, name) for selected in info.selected_fields)


def _names(selected: Any, name: str) -> bool:
    return getattr(selected, "name", "") == name or any(_names(below, name) for below in getattr(selected, "selections", ()))


def _value(source: Any, name: str) -> Any:
    """Rows go by the schema's own names; the library asks by Python's."""
    head, *rest = name.split("_")
    return source["".join((head, *(word.capitalize() for word in rest)))]


schema = strawberry.Schema(query=Query, config=StrawberryConfig(default_resolver=_value))
