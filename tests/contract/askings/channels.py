"""conversations.*, bookmarks.*, pins.*, stars.*, and what is found in them."""

from tests.contract.stage import Arguments, Stage, asks
from tests.harness.chat import ChatClient

SEEN = ("conversations.history", "conversations.info", "conversations.members")
ENTERED = ("conversations.leave", "conversations.archive")


@asks("conversations.list", "users.conversations", "client.counts")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {}


@asks(*SEEN, "conversations.join", "bookmarks.list", "pins.list")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": (channel := await stage.commons()), "channel_id": channel}


@asks(*SEEN, case="private")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.commons(private=True)}


@asks(*ENTERED)
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.channel()}


@asks(*ENTERED, case="private")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.channel(private=True)}


@asks("conversations.history", "conversations.info", "conversations.join", "conversations.members", case="public, not in it")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.channel()
    if asker.user_id != stage.owner.user_id:
        await stage.do(stage.owner, "conversations.kick", channel=channel, user=asker.user_id)
    return {"channel": channel}


@asks("conversations.unarchive")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.channel()
    await stage.do(stage.owner, "conversations.archive", channel=channel)
    return {"channel": channel}


@asks("conversations.create")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": f"made-by-{asker.user_id.lower()}"}


@asks("conversations.create", case="private")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": f"hidden-by-{asker.user_id.lower()}", "is_private": True}


@asks("conversations.rename", case="another's")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.channel(), "name": f"renamed-by-{asker.user_id.lower()}"}


@asks("conversations.setTopic", "conversations.setPurpose")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.commons(), "topic": "x", "purpose": "x"}


@asks("conversations.replies", "conversations.mark")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    return {"channel": channel, "ts": await stage.message(channel)}


@asks("conversations.open")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"users": stage.acme.bot.user_id}


@asks("conversations.close")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    opened = await stage.do(asker, "conversations.open", users=stage.acme.bot.user_id)
    return {"channel": opened["channel"]["id"]}


@asks("conversations.invite")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.channel()
    await stage.do(stage.acme.bot, "conversations.leave", channel=channel)
    return {"channel": channel, "users": stage.acme.bot.user_id}


@asks("conversations.kick", case="from a public channel")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.channel(), "user": stage.acme.bot.user_id}


@asks("conversations.kick", case="from a private channel")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.channel(private=True), "user": stage.acme.bot.user_id}


@asks("bookmarks.add")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel_id": await stage.commons(), "title": "x", "type": "link", "link": "https://example.com/"}


@asks("bookmarks.edit", "bookmarks.remove")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    link = {"channel_id": channel, "title": "x", "type": "link", "link": "https://example.com/"}
    made = await stage.do(stage.owner, "bookmarks.add", **link)
    return {"channel_id": channel, "bookmark_id": made["bookmark"]["id"], "title": "y"}


@asks("pins.add", "stars.add")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    return {"channel": channel, "timestamp": await stage.message(channel)}


@asks("pins.remove")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    arguments = {"channel": (channel := await stage.commons()), "timestamp": await stage.message(channel)}
    await stage.do(stage.owner, "pins.add", **arguments)
    return arguments


@asks("stars.remove")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    arguments = {"channel": (channel := await stage.commons()), "timestamp": await stage.message(channel)}
    await stage.do(asker, "stars.add", **arguments)
    return arguments


@asks("stars.list")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {}
