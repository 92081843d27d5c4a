"""The list of 10,000 channels, page by page through the edge, as somebody asks for it who is in 300 of them."""

import json
import time
import urllib.request

from bench.crowd import Crowd
from bench.load import closed_loop, http_request
from bench.report import Report
from bench.setting import Setting

CHANNELS, MINE, PAGE = 10_000, 300, 1_000
LASTS_S = 5.0
BAR_MS = 100.0
FIRST = f"/api/conversations.list?limit={PAGE}&types=public_channel,private_channel,mpim,im"


async def measure(setting: Setting, report: Report) -> None:
    crowd = Crowd(setting)
    reader = await crowd.person("lister")
    await crowd.public_channels(CHANNELS, reader, MINE)
    await crowd.analyze()
    token = (await crowd.tokens([reader]))[0]
    pages_ms, last = walk(setting, token)
    report.add(f"channel list, slowest of {len(pages_ms)} pages of {PAGE:,}", max(pages_ms), "ms", detail="one walk, decoding left out")
    for name, path in (("first page", FIRST), ("last full page", f"{FIRST}&cursor={last}")):
        request = http_request(path, setting.host, token)
        await closed_loop("127.0.0.1", setting.port, 1, 1.0, lambda _, request=request: request)  # type: ignore[misc]
        tally = await closed_loop("127.0.0.1", setting.port, 1, LASTS_S, lambda _, request=request: request)  # type: ignore[misc]
        detail = str(tally.first_failure or "") if tally.failures else f"{PAGE:,} of {CHANNELS:,} channels"
        report.add(f"channel list p50, {name}", tally.quantile_ms(0.5), "ms", BAR_MS, detail=detail)
        report.add(f"channel list p99, {name}", tally.quantile_ms(0.99), "ms", BAR_MS)


def walk(setting: Setting, token: str) -> tuple[list[float], str]:
    """Milliseconds of each page, and the cursor of the last page that is full."""
    took: list[float] = []
    cursors, seen = [""], set[str]()
    while cursors[-1] or not took:
        began = time.perf_counter()
        body = _get(f"http://{setting.host}{FIRST}&cursor={cursors[-1]}", token)
        took.append((time.perf_counter() - began) * 1_000)
        page = json.loads(body)
        if not page["ok"] or len(took) > CHANNELS // PAGE + 5:
            raise RuntimeError(f"the list does not end: {str(page)[:200]}")
        seen |= {channel["id"] for channel in page["channels"]}
        cursors.append(page["response_metadata"]["next_cursor"])
    if len(seen) < CHANNELS:
        raise RuntimeError(f"the list has {len(seen)} channels")
    return took, cursors[CHANNELS // PAGE - 1]


def _get(url: str, token: str) -> bytes:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        body: bytes = answer.read()
    return body
