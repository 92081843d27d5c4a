"""A client's first screen by GraphQL, through the edge: 500 channels and 5,000 people in one answer."""

import json
import urllib.request

from bench.crowd import Crowd
from bench.load import closed_loop, http_request
from bench.report import Report
from bench.setting import Setting

CHANNELS, PEOPLE, MESSAGES_EACH = 500, 5_000, 20
CLIENTS, LASTS_S = 1, 8.0
BAR_MS = 150.0
SCOPES = ("users:read", "users:read.email", "channels:read", "channels:history", "groups:read", "im:read", "mpim:read")
QUERY = """query Initial {
  workspace { id name domain }
  me { id name realName role presence }
  channels { id kind name topic purpose isGeneral memberCount unreadCount mentionCount hasUnread lastRead latest userId
    lastMessage { ts text threadTs userId } }
  members { id name realName displayName role isBot deleted statusText statusEmoji presence }
}"""


async def measure(setting: Setting, report: Report) -> None:
    crowd = Crowd(setting)
    people = await crowd.people(PEOPLE)
    await crowd.channels(CHANNELS, people[0], MESSAGES_EACH)
    await crowd.analyze()
    token = made_token(setting, people[0])
    asked = json.dumps({"query": QUERY}).encode()
    answer = _ask(setting, token, asked)
    found = (len(answer["data"]["channels"]), len(answer["data"]["members"]))
    if found[0] != CHANNELS or found[1] < PEOPLE:
        raise RuntimeError(f"the first screen has {found[0]} channels and {found[1]} people: {str(answer.get('errors'))[:300]}")
    request = http_request("/graphql", setting.host, token, asked)
    await closed_loop("127.0.0.1", setting.port, CLIENTS, 2.0, lambda _: request, accept=b'"data"')
    tally = await closed_loop("127.0.0.1", setting.port, CLIENTS, LASTS_S, lambda _: request, accept=b'"data"')
    detail = f"{len(json.dumps(answer)) // 1024} KiB an answer" if not tally.failures else str(tally.first_failure)
    report.add(f"GraphQL first screen p50, {CHANNELS} channels, {PEOPLE:,} people", tally.quantile_ms(0.5), "ms", BAR_MS, detail=detail)
    report.add(f"GraphQL first screen p99, {CHANNELS} channels, {PEOPLE:,} people", tally.quantile_ms(0.99), "ms")


def made_token(setting: Setting, user_id: str) -> str:
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    made = setting.platform.waggle("token", "create", "bench", "--user", user_id, *scopes)
    return str(made["token"])


def _ask(setting: Setting, token: str, body: bytes) -> dict[str, dict[str, list[object]]]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{setting.host}/graphql", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, dict[str, list[object]]] = json.load(answer)
    return found
