"""admin.*, signin.*"""

from itertools import count

from tests.contract.stage import Arguments, Stage, asks
from tests.harness.chat import ChatClient

PASSWORD = "a long pass phrase nobody has"
_numbers = count(1)


def an_email() -> str:
    return f"new{next(_numbers)}@example.com"


@asks("admin.emoji.list", "admin.tokens.list", "admin.users.invitations.list", "admin.users.list", "admin.users.session.list")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {}


@asks("admin.emoji.addAlias")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": f"alias{next(_numbers)}", "alias_for": "smile"}


@asks("admin.emoji.add")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"name": f"emoji{next(_numbers)}", "url": "https://example.com/a.png"}


@asks("admin.emoji.rename", "admin.emoji.remove")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    name = f"alias{next(_numbers)}"
    await stage.do(stage.owner, "admin.emoji.addAlias", name=name, alias_for="smile")
    return {"name": name, "new_name": f"{name}x"}


@asks("admin.tokens.create")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"scopes": "users:read"}


@asks("admin.tokens.revoke")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    made = await stage.do(stage.owner, "admin.tokens.create", scopes="users:read")
    return {"token_id": made["token_id"]}


@asks("admin.users.invite")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"email": an_email(), "channel_ids": stage.acme.general}


@asks("admin.users.invitations.revoke")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    made = await stage.do(stage.owner, "admin.users.invite", email=an_email(), channel_ids=stage.acme.general)
    return {"invitation_id": made["invitation"]["id"]}


@asks("admin.users.session.reset", "admin.users.setAdmin", "admin.users.setRegular", "admin.users.setRestricted", "admin.users.remove")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"user_id": (await stage.acme.command("user.add", email=an_email()))["user_id"]}


@asks("admin.users.setOwner")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"user_id": (await stage.acme.command("user.add", email=an_email()))["user_id"]}


@asks("admin.users.restore")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    user = (await stage.acme.command("user.add", email=an_email()))["user_id"]
    await stage.do(stage.owner, "admin.users.remove", user_id=user)
    return {"user_id": user}


@asks("admin.users.session.invalidate", "signin.sessions.revoke")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"session_id": "none"}


@asks("signin.magicLink", "signin.requestPasswordReset")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"email": an_email()}


@asks("signin.password")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"email": an_email(), "password": PASSWORD}


@asks("signin.acceptInvitation", "signin.redeem", "signin.resetPassword")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"code": f"none{next(_numbers)}", "password": PASSWORD}


@asks("signin.sessions.list", "signin.totp.enrol")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {}


@asks("signin.setPassword")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"password": PASSWORD}


@asks("signin.totp.confirm", "signin.totp.remove")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"code": "000000"}
