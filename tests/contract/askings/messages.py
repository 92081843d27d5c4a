"""chat.*, reactions.*, reminders.*, search.*"""

from typing import Any

from tests.contract.stage import Arguments, Stage, asks
from tests.harness.chat import ChatClient

TOMORROW_S = 86_400


def in_a_day(stage: Stage) -> int:
    return stage.now_s() + TOMORROW_S


@asks("chat.postMessage", "chat.meMessage", "chat.scheduleMessage", "chat.postEphemeral")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"channel": await stage.commons(), "text": "x", "post_at": in_a_day(stage), "user": stage.owner.user_id}


@asks("chat.startStream")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    return {"channel": channel, "thread_ts": await stage.message(channel)}


@asks("chat.appendStream", "chat.stopStream", case="one's own")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    begun = await stage.do(asker, "chat.startStream", channel=channel, thread_ts=await stage.message(channel), markdown_text="x")
    return {"channel": channel, "ts": begun["ts"], "markdown_text": "y"}


@asks("chat.appendStream", "chat.stopStream", case="a bot's")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    begun = await stage.do(stage.acme.bot, "chat.startStream", channel=channel, thread_ts=await stage.message(channel), markdown_text="x")
    return {"channel": channel, "ts": begun["ts"], "markdown_text": "y"}


@asks("chat.update", "chat.delete", case="one's own")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    return {"channel": channel, "ts": await stage.message(channel, asker), "text": "y"}


@asks("chat.update", "chat.delete", case="a bot's")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    return {"channel": channel, "ts": await stage.message(channel, stage.acme.bot), "text": "y"}


@asks("chat.unfurl")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    ts = await stage.message(channel, text="https://example.com/")
    return {"channel": channel, "ts": ts, "unfurls": {"https://example.com/": {"text": "x"}}}


@asks("chat.getPermalink")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    return {"channel": channel, "message_ts": await stage.message(channel)}


@asks("chat.deleteScheduledMessage", case="one's own")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    made = await stage.do(asker, "chat.scheduleMessage", channel=channel, text="x", post_at=in_a_day(stage))
    return {"channel": channel, "scheduled_message_id": made["scheduled_message_id"]}


@asks("chat.deleteScheduledMessage", case="a bot's")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    made = await stage.do(stage.acme.bot, "chat.scheduleMessage", channel=channel, text="x", post_at=in_a_day(stage))
    return {"channel": channel, "scheduled_message_id": made["scheduled_message_id"]}


@asks("chat.scheduledMessages.list", "reactions.list", "reminders.list")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {}


@asks("reactions.add", "reactions.get")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    channel = await stage.commons()
    return {"channel": channel, "timestamp": await stage.message(channel), "name": "wave"}


@asks("reactions.remove")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    arguments: dict[str, Any] = {"channel": (channel := await stage.commons()), "timestamp": await stage.message(channel), "name": "wave"}
    await stage.do(asker, "reactions.add", **arguments)
    return arguments


@asks("reminders.add")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"text": "x", "time": in_a_day(stage)}


@asks("reminders.add", case="for another")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    other = "member" if asker.user_id == stage.owner.user_id else "owner"
    return {"text": "x", "time": in_a_day(stage), "user": stage.people[other].user_id}


@asks("reminders.info", "reminders.complete", "reminders.delete")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    made = await stage.do(asker, "reminders.add", text="x", time=in_a_day(stage))
    return {"reminder": made["reminder"]["id"]}


@asks("reminders.info", "reminders.complete", "reminders.delete", case="another's")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    other = "member" if asker.user_id == stage.owner.user_id else "owner"
    made = await stage.do(stage.people[other], "reminders.add", text="x", time=in_a_day(stage))
    return {"reminder": made["reminder"]["id"]}


@asks("search.all", "search.files", "search.messages", "search.autocomplete")
async def _(stage: Stage, asker: ChatClient) -> Arguments:
    return {"query": "x"}
