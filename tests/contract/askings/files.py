"""files.*"""

from tests.contract.stage import Arguments, Stage, asks
from tests.harness.chat import ChatClient


async def uploaded(stage: Stage, by: ChatClient, **arguments: str) -> str:
    return str((await stage.do(by, "files.upload", content="some text", filename="a.txt", **arguments))["file"]["id"])


@asks("files.upload")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"content": "some text", "filename": "a.txt", "channels": await stage.commons()}


@asks("files.getUploadURLExternal")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"filename": "a.txt", "length": 9}


@asks("files.completeUploadExternal")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"files": [{"id": await uploaded(stage, asker)}], "channel_id": await stage.commons()}


@asks("files.info", "files.delete", "files.sharedPublicURL", "files.revokePublicURL", case="one's own")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"file": await uploaded(stage, asker)}


@asks("files.info", "files.delete", "files.sharedPublicURL", "files.revokePublicURL", case="a bot's, in a channel")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"file": await uploaded(stage, stage.acme.bot, channels=await stage.commons())}


@asks("files.info", case="a bot's, in no channel")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"file": await uploaded(stage, stage.acme.bot)}


@asks("files.list")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {}
