"""For each method arguments that are right, so that only who asks decides. Every asking is called `_`: the register keeps it."""

from tests.contract.stage import Arguments, Stage, asks
from tests.harness.chat import ChatClient

SOON_S = 3_600


@asks(
    "api.test",
    "auth.test",
    "client.counts",
    "conversations.list",
    "dnd.endDnd",
    "dnd.info",
    "rtm.connect",
    "team.info",
    "usergroups.list",
    "users.list",
    "users.profile.get",
    "users.setActive",
)
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {}


@asks("conversations.history", "conversations.info", "conversations.join", "conversations.leave", "conversations.members")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.channel()}


@asks("conversations.history", "conversations.info", "conversations.leave", "conversations.members", case="private")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.channel(private=True)}


@asks("conversations.history", "conversations.info", "conversations.join", "conversations.members", case="public, not in it")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.channel()
    if asker.user_id:
        await stage.do(asker, "conversations.leave", channel=channel)
    return {"channel": channel}


@asks("conversations.replies", "conversations.mark")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.channel()
    return {"channel": channel, "ts": await stage.message(channel)}


@asks("conversations.create")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": f"made-by-{asker.user_id.lower()}"}


@asks("conversations.create", case="private")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": f"hidden-by-{asker.user_id.lower()}", "is_private": True}


@asks("conversations.open")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"users": stage.acme.bot.user_id}


@asks("conversations.invite")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.channel()
    await stage.do(stage.acme.bot, "conversations.leave", channel=channel)
    return {"channel": channel, "users": stage.acme.bot.user_id}


@asks("chat.postMessage")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.channel(), "text": "x"}


@asks("chat.update", "chat.delete", case="one's own")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.channel()
    return {"channel": channel, "ts": await stage.message(channel, asker if asker.user_id else None), "text": "y"}


@asks("chat.update", "chat.delete", case="a bot's")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.channel()
    return {"channel": channel, "ts": await stage.message(channel, stage.acme.bot), "text": "y"}


@asks("reactions.add", "reactions.get")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.channel()
    return {"channel": channel, "timestamp": await stage.message(channel), "name": "wave"}


@asks("reactions.remove")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    arguments = {"channel": (channel := await stage.channel()), "timestamp": await stage.message(channel), "name": "wave"}
    await stage.do(asker if asker.user_id else stage.owner, "reactions.add", **arguments)
    return arguments


@asks("dnd.setSnooze")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"num_minutes": 5}


@asks("dnd.endSnooze")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    await stage.do(asker if asker.user_id else stage.owner, "dnd.setSnooze", num_minutes=5)
    return {}


@asks("dnd.teamInfo")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"users": stage.owner.user_id}


@asks("users.info", "users.getPresence")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"user": stage.acme.bot.user_id}


@asks("users.lookupByEmail")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"email": "member@example.com"}


@asks("users.setPresence")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"presence": "auto"}


@asks("users.profile.set", case="one's own")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": "title", "value": "Gardener"}


@asks("users.profile.set", case="another's")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": "title", "value": "Gardener", "user": stage.acme.bot.user_id}


@asks("usergroups.create")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": f"group of {asker.user_id}"}


@asks("usergroups.users.list", "usergroups.users.update")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"usergroup": await a_group(stage), "users": stage.owner.user_id}


async def a_group(stage: Stage) -> str:
    groups = (await stage.do(stage.owner, "usergroups.list"))["usergroups"]
    found = groups[0] if groups else (await stage.do(stage.owner, "usergroups.create", name="The Group"))["usergroup"]
    return str(found["id"])
