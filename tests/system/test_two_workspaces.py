"""The main job: unmodified slack_sdk clients of two workspaces, in two cells, through one edge."""

import concurrent.futures
import json
import urllib.request
from itertools import pairwise

import pytest
from slack_sdk.errors import SlackApiError

from tests.harness.platform import Platform, Refused
from tests.harness.slack import Listener, web_client
from tests.system.conftest import Workspace

pytestmark = pytest.mark.system


def test_the_two_live_in_two_cells(acme: Workspace, globex: Workspace, platform: Platform) -> None:
    assert (acme.cell, globex.cell) == ("cell-1", "cell-2")
    shown = platform.waggle("workspace", "show", "acme-inc")
    assert shown["workspace_id"] == acme.workspace_id
    assert shown["state"] == "active"
    assert not shown.get("tokens"), "tokens are shown at creation only"
    by_id = platform.waggle("workspace", "show", acme.workspace_id)
    assert by_id == shown


def test_a_conversation_arrives_on_sockets_in_order(platform: Platform, acme: Workspace) -> None:
    owner, bot = web_client(platform, acme.owner), web_client(platform, acme.bot)
    channel = owner.conversations_create(name="launch")["channel"]["id"]
    owner.conversations_invite(channel=channel, users=bot.auth_test()["user_id"])
    with Listener(platform, acme.bot) as socket:
        first = owner.chat_postMessage(channel=channel, text="lift-off?")["ts"]
        reply = bot.chat_postMessage(channel=channel, text="go", thread_ts=first)["ts"]
        owner.chat_update(channel=channel, ts=first, text="lift-off!")
        owner.reactions_add(channel=channel, timestamp=first, name="rocket")
        owner.reactions_remove(channel=channel, timestamp=first, name="rocket")
        bot.chat_delete(channel=channel, ts=reply)

        def of_channel(event: dict[str, object]) -> bool:
            item = event.get("item")
            return event.get("channel") == channel or (isinstance(item, dict) and item.get("channel") == channel)

        events = socket.wait_for_many(of_channel, 6)
    said = [(event["type"], event.get("subtype")) for event in events]
    assert said == [
        ("message", None),
        ("message", None),
        ("message", "message_changed"),
        ("reaction_added", None),
        ("reaction_removed", None),
        ("message", "message_deleted"),
    ]
    assert events[0]["ts"] == first
    assert events[1]["thread_ts"] == first
    assert events[2]["message"]["text"] == "lift-off!"
    assert events[5]["deleted_ts"] == reply
    history = owner.conversations_history(channel=channel)["messages"]
    assert [message["text"] for message in history if not message.get("subtype")] == ["lift-off!"]


def test_two_hundred_posts_by_eight_clients_arrive_once_and_in_order_of_ts(platform: Platform, acme: Workspace) -> None:
    owner = web_client(platform, acme.owner)
    channel = owner.conversations_create(name="busy")["channel"]["id"]
    with Listener(platform, acme.owner) as socket, concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: owner.chat_postMessage(channel=channel, text=f"n {n}")["ts"], range(200)))
        events = socket.wait_for_many(lambda event: event.get("type") == "message" and event.get("channel") == channel, 200)
    order = [event["ts"] for event in events]
    assert sorted(order) == sorted(answers)
    assert all(before < after for before, after in pairwise(order))


def test_one_workspace_hears_and_sees_nothing_of_the_other(platform: Platform, acme: Workspace, globex: Workspace) -> None:
    ours, theirs = web_client(platform, acme.owner), web_client(platform, globex.owner)
    channel = ours.conversations_create(name="secret-plans")["channel"]["id"]
    with Listener(platform, globex.owner) as socket:
        ours.chat_postMessage(channel=channel, text="between us")
        for call in (theirs.conversations_info, theirs.conversations_history, theirs.conversations_members, theirs.conversations_join):
            with pytest.raises(SlackApiError) as refused:
                call(channel=channel)
            assert refused.value.response["error"] == "channel_not_found"
        general = next(c["id"] for c in theirs.conversations_list()["channels"] if c["name"] == "general")
        marker = theirs.chat_postMessage(channel=general, text="anything?")["ts"]
        socket.wait_for(lambda event: event.get("ts") == marker)
        assert not [event for event in socket.events() if "between us" in json.dumps(event)]


def test_rtm_posts_and_pongs(platform: Platform, globex: Workspace) -> None:
    general = next(c["id"] for c in web_client(platform, globex.owner).conversations_list()["channels"] if c["name"] == "general")
    with Listener(platform, globex.owner) as socket:
        socket.send({"id": 7, "type": "ping", "time": 12})
        pong = socket.wait_for(lambda event: event.get("type") == "pong")
        assert (pong["reply_to"], pong["time"]) == (7, 12)
        socket.send({"id": 8, "type": "message", "channel": general, "text": "over the wire"})
        answer = socket.wait_for(lambda event: event.get("reply_to") == 8)
        assert answer["ok"] is True
        assert answer["text"] == "over the wire"
        socket.wait_for(lambda event: event.get("type") == "message" and event.get("ts") == answer["ts"])


def test_a_retry_with_client_msg_id_is_the_same_message(platform: Platform, acme: Workspace) -> None:
    owner = web_client(platform, acme.owner)
    channel = owner.conversations_create(name="retries")["channel"]["id"]
    same = "7c0f0f5e-6f0a-4d6c-9a3e-0a2b7f1f7a11"
    answers = [owner.api_call("chat.postMessage", json={"channel": channel, "text": "once", "client_msg_id": same})["ts"] for _ in range(3)]
    assert len(set(answers)) == 1
    texts = [message["text"] for message in owner.conversations_history(channel=channel)["messages"]]
    assert texts.count("once") == 1


def test_user_added_by_the_command_line_can_talk(platform: Platform, acme: Workspace) -> None:
    added = platform.waggle("user", "add", "acme-inc", "ada@example.com")
    assert set(added) >= {"user_id", "email", "token"}
    ada = web_client(platform, added["token"])
    assert ada.auth_test()["user_id"] == added["user_id"]
    found = web_client(platform, acme.owner).users_lookupByEmail(email="ada@example.com")["user"]["id"]
    assert found == added["user_id"]


def test_a_third_cell_joins_a_running_platform(platform: Platform) -> None:
    platform.waggle("cell", "create", "cell-3")
    states = {cell["name"]: cell["state"] for cell in platform.waggle("cell", "list")}
    assert states["cell-3"] == "active"
    made = Workspace.of(platform.workspace("initech", cell="cell-3"))
    assert web_client(platform, made.bot).auth_test()["team_id"] == made.workspace_id


def test_status_and_doctor_say_that_all_is_well(platform: Platform, acme: Workspace) -> None:
    status = platform.waggle("status")
    assert {cell["name"] for cell in status["cells"]} >= {"cell-1", "cell-2"}
    doctor = platform.waggle("doctor", acme.name)
    assert [check for check in doctor["checks"] if not check["ok"]] == []


def test_a_mistaken_command_is_one_line(platform: Platform) -> None:
    for words in (("workspace", "show", "nobody"), ("workspace", "create", "Not A Name!"), ("workspace", "create", "acme-inc")):
        with pytest.raises(Refused) as refused:
            platform.run(*words)
        assert "Traceback" not in refused.value.line
        assert len(refused.value.line.splitlines()) == 1


def test_clients_without_a_token_are_told_so(platform: Platform) -> None:
    with urllib.request.urlopen(platform.api + "auth.test", data=b"", timeout=10) as answer:
        assert json.load(answer) == {"ok": False, "error": "not_authed"}
