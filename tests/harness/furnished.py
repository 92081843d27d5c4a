"""A workspace with something of everything in it, by its own API, and people of every standing."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient

from tests.harness.platform import Platform
from tests.harness.reads import Known, ask
from tests.harness.slack import web_client

NEEDLE = "haystackneedle"
POSTS = 8
DAY_S = 86_400
ROLES = (("member", "member"), ("guest", "guest"), ("stranger", "member"))


@dataclass(frozen=True)
class Furnished:
    tokens: Mapping[str, str]
    """Of owner, bot, member, guest and another member."""
    known: Known


def furnish(platform: Platform, workspace: str, owner_token: str, bot_token: str) -> Furnished:
    added = {name: platform.waggle("user", "add", workspace, f"{name}-{workspace}@example.com", "--role", role) for name, role in ROLES}
    tokens = {"owner": owner_token, "bot": bot_token} | {name: found["token"] for name, found in added.items()}
    clients = {name: web_client(platform, token) for name, token in tokens.items()}
    users = {name: str(client.auth_test()["user_id"]) for name, client in clients.items()}
    rooms = _rooms(clients["owner"], clients["stranger"], users)
    moments = {channel: _talk(clients[who], channel) for channel, who in rooms}
    for channel, who in rooms:  # by hand, here and below: slack_sdk warns of what Slack would rather not be asked any more
        done(platform, tokens[who], "stars.add", {"channel": channel, "timestamp": moments[channel]})
    reminder = done(platform, owner_token, "reminders.add", {"text": "pack", "time": str(int(time.time()) + DAY_S)})["reminder"]["id"]
    first = rooms[0][0]
    values = _things(clients["owner"], clients["member"], first, moments[first]) | {
        "user": list(users.values()),
        "users": [",".join(users.values())],
        "email": [f"member-{workspace}@example.com", "nobody@example.com"],
        "query": [NEEDLE, f'"{NEEDLE} 3"', f"{NEEDLE} in:#everybody", "no such word"],
        "types": ["public_channel,private_channel,im,mpim"],
        "bot": [str(clients["bot"].auth_test()["bot_id"])],
        "reminder": [reminder],
    }
    return Furnished(tokens, Known(values, moments))


def _rooms(owner: WebClient, stranger: WebClient, users: Mapping[str, str]) -> list[tuple[str, str]]:
    """Channels, and who talks there: public with everybody, public with nobody else, private, direct, of three, another's private one."""
    made = [owner.conversations_create(name="everybody")["channel"]["id"], owner.conversations_create(name="alone")["channel"]["id"]]
    private = owner.conversations_create(name="hidden", is_private=True)["channel"]["id"]
    theirs = stranger.conversations_create(name="theirs", is_private=True)["channel"]["id"]
    owner.conversations_invite(channel=made[0], users=[users[name] for name in ("member", "guest", "stranger", "bot")])
    owner.conversations_invite(channel=private, users=users["member"])
    direct = owner.conversations_open(users=users["member"])["channel"]["id"]
    group = owner.conversations_open(users=[users["member"], users["stranger"]])["channel"]["id"]
    return [(str(channel), "owner") for channel in (*made, private, direct, group)] + [(str(theirs), "stranger")]


def _talk(client: WebClient, channel: str) -> str:
    """Posts, a thread, a reaction, a pin, an edit, a deletion; returns the ts of the thread's first."""
    said = [f"{NEEDLE} {number} <https://example.com/{number}>" for number in range(POSTS)]
    posts = [client.chat_postMessage(channel=channel, text=text)["ts"] for text in said]
    for number in range(2):
        client.chat_postMessage(channel=channel, text=f"re: {NEEDLE} {number}", thread_ts=posts[0])
    client.reactions_add(channel=channel, timestamp=posts[0], name="thumbsup")
    client.pins_add(channel=channel, timestamp=posts[1])
    client.chat_update(channel=channel, ts=posts[3], text=f"{NEEDLE} edited")
    client.chat_delete(channel=channel, ts=posts[4])
    client.conversations_mark(channel=channel, ts=posts[6])
    return str(posts[0])


def _things(owner: WebClient, member: WebClient, channel: str, ts: str) -> dict[str, list[str]]:
    later = int(time.time()) + DAY_S
    owner.bookmarks_add(channel_id=channel, title="a page", type="link", link="https://example.com")
    owner.chat_scheduleMessage(channel=channel, text="tomorrow", post_at=later)
    owner.dnd_setSnooze(num_minutes=600)
    owner.users_profile_set(profile={"status_text": "moving", "status_emoji": ":truck:"})
    member.reactions_add(channel=channel, timestamp=ts, name="eyes")
    upload = {"content": f"{NEEDLE} in a file", "filename": "a.txt", "channels": channel}
    file = owner.api_call("files.upload", data=upload)["file"]["id"]
    group = owner.usergroups_create(name="Movers", handle="movers")["usergroup"]["id"]
    owner.usergroups_users_update(usergroup=group, users=[member.auth_test()["user_id"]])
    return {"file": [str(file)], "usergroup": [str(group)]}


def done(platform: Platform, token: str, method: str, arguments: Mapping[str, str]) -> Any:
    answer = ask(platform.api, token, method, arguments)
    assert answer.get("ok"), (method, answer)
    return answer
