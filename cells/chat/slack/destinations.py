"""Where something is to be said, from what clients name it by."""

import re

from cells.chat.domain.channels.errors import ChannelNotFound
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.members.errors import UserNotVisible
from cells.chat.domain.members.opening import OpenDirect
from cells.chat.domain.messages.errors import MessageNotFound
from cells.chat.domain.timestamps import read_ts
from cells.chat.domain.users.errors import UserDisabled, UserNotFound
from cells.chat.slack.errors import InvalidArguments
from cells.runtime.workload import Tenant
from chassis.identity import ChannelId, UserId

CLIENT_MSG_ID_LENGTH_MAX = 128
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{8,}")
_USER_ID = re.compile(r"[UW][A-Z0-9]{8,}")


async def destination(tenant: Tenant, user_id: UserId, channel: str) -> ChannelId:
    """An id as it is (posting checks it); else a name, with or without `#`, or a user, whose direct message is opened."""
    if _CHANNEL_ID.fullmatch(channel):
        return ChannelId(channel)
    if _USER_ID.fullmatch(channel):
        return await _direct_message(tenant, user_id, channel)
    async with tenant.reading() as connection:
        found = await Channels(connection, tenant.scope).id_of_name(channel.removeprefix("#"))
    if found is None:
        raise ChannelNotFound
    return ChannelId(found)


async def _direct_message(tenant: Tenant, user_id: UserId, other_id: str) -> ChannelId:
    try:
        return (await tenant.commit(OpenDirect(user_id, (other_id,)))).channel.channel_id
    except (UserNotFound, UserDisabled, UserNotVisible) as error:
        raise ChannelNotFound from error


def thread_of(thread_ts: str | None) -> int | None:
    if not thread_ts:
        return None
    thread_us = read_ts(thread_ts)
    if thread_us is None:
        raise InvalidArguments("must be a timestamp [json-pointer:/thread_ts]")
    return thread_us


def require_ts(ts: str) -> int:
    """What is no timestamp names no message."""
    ts_us = read_ts(ts)
    if ts_us is None:
        raise MessageNotFound
    return ts_us


def checked_client_msg_id(given: str | None) -> str | None:
    if given is not None and len(given) > CLIENT_MSG_ID_LENGTH_MAX:
        raise InvalidArguments(f"must have at most {CLIENT_MSG_ID_LENGTH_MAX} characters [json-pointer:/client_msg_id]")
    return given or None
