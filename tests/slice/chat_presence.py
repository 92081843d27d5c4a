"""The methods of presence, do-not-disturb and profiles: each success and each error word, for the registers."""

import json
import time

from tests.slice.chat_world import Reply, World, refuses, succeeds

STRANGER = "U0000000000"


@succeeds("users.getPresence")
async def get_presence(world: World) -> Reply:
    """How it came about is told to the user alone."""
    other = await world.owner.call("users.getPresence", user=world.ann.user_id)
    assert other == {"ok": True, "presence": "away"}
    reply = await world.owner.call("users.getPresence")
    assert reply["online"] is False and reply["connection_count"] == 0 and reply["manual_away"] is False
    return reply


@succeeds("users.setPresence")
async def set_presence(world: World) -> Reply:
    before = await world.acme.head()
    reply = await world.owner.call("users.setPresence", presence="away")
    assert (await world.owner.call("users.getPresence"))["manual_away"] is True
    await world.owner.call("users.setPresence", presence="away")
    events = await world.acme.events(before)
    assert [(event.kind, event.audience) for event in events] == [("manual_presence_change", (world.owner.user_id,))]
    return reply


@succeeds("users.setActive")
async def set_active(world: World) -> Reply:
    return await world.owner.call("users.setActive")


@succeeds("dnd.setSnooze")
async def set_snooze(world: World) -> Reply:
    reply = await world.owner.call("dnd.setSnooze", num_minutes="60")
    assert reply["snooze_enabled"] is True and 3590 <= reply["snooze_remaining"] <= 3600
    return reply


@succeeds("dnd.endSnooze")
async def end_snooze(world: World) -> Reply:
    await world.owner.call("dnd.setSnooze", num_minutes=60)
    reply = await world.owner.call("dnd.endSnooze")
    assert reply["snooze_enabled"] is False
    return reply


@succeeds("dnd.setSchedule")
async def set_schedule(world: World) -> Reply:
    """Told to the user's own sessions by the log; those who follow hear the same times (`dnd_updated_user`)."""
    before = await world.acme.head()
    assert (await world.owner.call("dnd.setSchedule", enabled="false"))["dnd_enabled"] is False
    reply = await world.owner.call("dnd.setSchedule", start="00:00", end="23:59")
    span = {"dnd_enabled": True, "next_dnd_start_ts": reply["next_dnd_start_ts"], "next_dnd_end_ts": reply["next_dnd_start_ts"] + 86_340}
    assert reply == {"ok": True, "snooze_enabled": False, **span}
    assert await world.owner.call("dnd.info") == reply
    assert (await world.ann.call("dnd.teamInfo", users=world.owner.user_id))["users"] == {world.owner.user_id: span}
    events = await world.acme.events(before)
    assert [(event.kind, event.audience) for event in events] == [("dnd_updated", (world.owner.user_id,))] * 2
    assert json.loads(events[1].payload)["dnd_status"] == {"snooze_enabled": False, **span}
    return reply


@succeeds("dnd.endDnd")
async def end_dnd(world: World) -> Reply:
    """Hours that are on are over for today; where none are on nothing is said."""
    before = await world.acme.head()
    await world.owner.call("dnd.endDnd")
    assert await world.acme.head() == before
    was = await world.owner.call("dnd.setSchedule", start="00:00", end="23:59")
    reply = await world.owner.call("dnd.endDnd")
    now = await world.owner.call("dnd.info")
    assert (
        now["next_dnd_start_ts"] in (was["next_dnd_start_ts"], was["next_dnd_start_ts"] + 86_400) and now["next_dnd_start_ts"] > time.time()
    )
    return reply


@succeeds("dnd.info")
async def dnd_info(world: World) -> Reply:
    """Others see that one is not to be disturbed, not that it is a snooze."""
    ends = (await world.ann.call("dnd.setSnooze", num_minutes=5))["snooze_endtime"]
    assert (await world.ann.call("dnd.info"))["snooze_endtime"] == ends
    reply = await world.owner.call("dnd.info", user=world.ann.user_id)
    assert reply["dnd_enabled"] is True and reply["next_dnd_end_ts"] == ends and "snooze_enabled" not in reply
    return reply


@succeeds("dnd.teamInfo")
async def team_info(world: World) -> Reply:
    await world.ann.call("dnd.setSnooze", num_minutes=5)
    reply = await world.owner.call("dnd.teamInfo", users=f"{world.ann.user_id},{world.owner.user_id},{STRANGER}")
    assert {user: face["dnd_enabled"] for user, face in reply["users"].items()} == {world.ann.user_id: True, world.owner.user_id: False}
    return reply


@succeeds("users.profile.get")
async def profile_get(world: World) -> Reply:
    blind = await (await world.acme.with_scopes("users.profile:read")).call("users.profile.get", user=world.ann.user_id)
    assert "email" not in blind["profile"]
    reply = await world.owner.call("users.profile.get", user=world.ann.user_id)
    assert reply["profile"]["email"] == "ann@example.com" and reply["profile"]["status_text"] == ""
    return reply


@succeeds("users.profile.set")
async def profile_set(world: World) -> Reply:
    before = await world.acme.head()
    status = {"status_text": "at lunch", "status_emoji": ":sandwich:", "status_expiration": 0, "unheard_of": 1}
    await world.ann.call("users.profile.set", profile=status)
    await world.ann.call("users.profile.set", name="title", value="Pilot")
    reply = await world.owner.call("users.profile.set", user=world.ann.user_id, profile={"first_name": "Ann", "last_name": "Lee"})
    profile = reply["profile"]
    assert [profile[name] for name in ("status_text", "title", "real_name")] == ["at lunch", "Pilot", "Ann Lee"]
    assert "unheard_of" not in profile
    events = await world.acme.events(before)
    assert [(event.kind, event.audience) for event in events] == [("user_change", ("full", world.ann.user_id))] * 3
    shown = (await world.owner.call("users.info", user=world.ann.user_id))["user"]
    assert shown["profile"]["status_emoji"] == ":sandwich:" and shown["real_name"] == "Ann Lee"
    return reply


@refuses("user_not_found", "users.getPresence", "dnd.info", "users.profile.get", "users.profile.set")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, user=STRANGER, profile={"title": "x"})


@refuses("invalid_presence", "users.setPresence")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, presence="busy")


@refuses("missing_duration", "dnd.setSnooze")
async def _(world: World, method: str) -> Reply:
    assert (await world.owner.call(method, num_minutes="-5"))["error"] == "missing_duration"
    return await world.owner.call(method)


@refuses("invalid_hours", "dnd.setSchedule")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, start="25:00", end="8:00")


@refuses("too_long", "dnd.setSnooze")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, num_minutes=1441)


@refuses("snooze_not_active", "dnd.endSnooze")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method)


@refuses("no_users_provided", "dnd.teamInfo")
async def _(world: World, method: str) -> Reply:
    assert (await world.owner.call(method, users=",".join(["U1"] * 51)))["error"] == "invalid_arguments"
    return await world.owner.call(method, users=" ,")


@refuses("invalid_profile", "users.profile.set")
async def _(world: World, method: str) -> Reply:
    wrong = ({"status_emoji": "sandwich"}, {"title": 3}, {"real_name": " "}, {"status_expiration": "soon"}, {"fields": 1}, ["x"], "x")
    for profile in wrong:
        assert (await world.owner.call(method, profile=profile))["error"] == "invalid_profile", profile
    return await world.owner.call(method)


@refuses("too_long", "users.profile.set")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, profile={"status_text": "x" * 101})


@refuses("not_admin", "users.profile.set")
async def _(world: World, method: str) -> Reply:
    return await world.ann.call(method, user=world.owner.user_id, profile={"title": "Mud"})
