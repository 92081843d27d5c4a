"""api.*, auth.*, bots.*, client.*, dnd.*, emoji.*, rtm.*, team.*, usergroups.*, users.*"""

from io import BytesIO

from PIL import Image

from tests.contract.stage import Arguments, Stage, asks
from tests.harness.chat import ChatClient


@asks(
    "api.test",
    "auth.teams.list",
    "auth.test",
    "client.userBoot",
    "dnd.endDnd",
    "dnd.info",
    "emoji.list",
    "rtm.connect",
    "rtm.start",
    "team.info",
    "team.profile.get",
    "usergroups.list",
    "users.deletePhoto",
    "users.identity",
    "users.list",
    "users.prefs.get",
    "users.profile.get",
    "users.setActive",
)
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {}


@asks("users.setPhoto")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    picture = BytesIO()
    Image.new("RGB", (64, 64)).save(picture, "PNG")
    return {"image": picture.getvalue()}


@asks("auth.revoke")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"test": True}


@asks("bots.info")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"bot": (await stage.do(stage.acme.bot, "auth.test"))["bot_id"]}


@asks("dnd.setSnooze")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"num_minutes": 5}


@asks("dnd.setSchedule")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"start": "22:00", "end": "07:00", "enabled": True}


@asks("dnd.endSnooze")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    await stage.do(asker, "dnd.setSnooze", num_minutes=5)
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


@asks("users.prefs.set")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": "display_density", "value": "compact"}


@asks("users.profile.set", case="one's own")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": "title", "value": "Gardener"}


@asks("users.profile.set", case="another's")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": "title", "value": "Gardener", "user": stage.acme.bot.user_id}


@asks("usergroups.create")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": f"group of {asker.user_id}"}


@asks("usergroups.users.list", "usergroups.users.update", "usergroups.update", "usergroups.disable", "usergroups.enable")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"usergroup": await a_group(stage), "users": stage.owner.user_id, "description": "x"}


async def a_group(stage: Stage) -> str:
    groups = (await stage.do(stage.owner, "usergroups.list", include_disabled=True))["usergroups"]
    found = groups[0] if groups else (await stage.do(stage.owner, "usergroups.create", name="The Group"))["usergroup"]
    return str(found["id"])
