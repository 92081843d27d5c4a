"""A file of 1 GB up and down through the edge: how fast, how much memory, and what it costs the neighbours' calls meanwhile."""

import asyncio
import hashlib
import http.client
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.report import Report
from bench.setting import Setting
from tests.harness.memory import MIB, Peaks

FILE_MIB = 1024
GROWTH_MIB_MAX = 64
SLOW_MIB = 64
SLOW_PAUSE_S = 0.1
PACE_S = 0.02
PIECE = bytes(range(256)) * (MIB // 256)


async def measure(setting: Setting, report: Report) -> None:
    peaks = Peaks(setting.platform, "router", setting.cell)
    calm_ms = await _p99_ms(setting, 2.0)
    file_id, up_s, busy_ms = await _busy(setting)
    growth = peaks.growth_mib()
    report.add("1 GiB up", FILE_MIB / up_s, "MiB/s", detail=f"{up_s:.1f} s, through edge and cell to the cell's disk")
    report.add("1 GiB up, memory", max(growth.values()), "MiB", at_most=GROWTH_MIB_MAX, detail=_shown(growth))
    report.add("auth.test p99 meanwhile", busy_ms, "ms", detail=f"{calm_ms:.1f} ms before")
    url = setting.call("files.completeUploadExternal", files=[{"id": file_id}])["files"][0]["url_private"]
    peaks = Peaks(setting.platform, "router", setting.cell)
    began_s = time.perf_counter()
    digest = await asyncio.to_thread(_download, setting, url, 0.0, FILE_MIB)
    down_s = time.perf_counter() - began_s
    whole = hashlib.sha256()
    for _ in range(FILE_MIB):
        whole.update(PIECE)
    growth = peaks.growth_mib()
    report.add("1 GiB down", FILE_MIB / down_s, "MiB/s", detail=f"{down_s:.1f} s")
    report.add("1 GiB down, memory", max(growth.values()), "MiB", at_most=GROWTH_MIB_MAX, detail=_shown(growth))
    report.add("bytes changed on the way", int(digest != whole.hexdigest()), "", at_most=0)
    peaks = Peaks(setting.platform, "router", setting.cell)
    await asyncio.to_thread(_download, setting, url, SLOW_PAUSE_S, SLOW_MIB)
    growth = peaks.growth_mib()
    report.add("a client that reads 10 MiB/s, memory", max(growth.values()), "MiB", at_most=GROWTH_MIB_MAX, detail=_shown(growth))


async def _busy(setting: Setting) -> tuple[str, float, float]:
    opened = setting.call("files.getUploadURLExternal", filename="large.bin", length=FILE_MIB * MIB)
    began_s = time.perf_counter()
    upload = asyncio.create_task(asyncio.to_thread(_upload, opened["upload_url"]))
    busy_ms = await _p99_ms(setting, 3.0)
    await upload
    return opened["file_id"], time.perf_counter() - began_s, busy_ms


def _upload(url: str) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    connection.request("POST", parts.path, body=_pieces(), headers={"Content-Length": str(FILE_MIB * MIB)})
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    if said != f"OK - {FILE_MIB * MIB}":
        raise RuntimeError(f"the upload was answered with {answer.status} {said}")


def _pieces() -> Iterator[bytes]:
    for _ in range(FILE_MIB):
        yield PIECE


def _download(setting: Setting, url: str, pause_s: float, limit_mib: int) -> str:
    parts, digest, left = urlsplit(url), hashlib.sha256(), limit_mib
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    connection.request("GET", parts.path, headers={"Authorization": f"Bearer {setting.owner}"})
    answer = connection.getresponse()
    while left and (chunk := answer.read(MIB)):
        digest.update(chunk)
        left -= 1
        time.sleep(pause_s)
    connection.close()
    return digest.hexdigest()


async def _p99_ms(setting: Setting, for_s: float) -> float:
    """Of a call that goes to the cell and back."""
    taken_s = []
    until_s = time.perf_counter() + for_s
    while time.perf_counter() < until_s:
        began_s = time.perf_counter()
        await asyncio.to_thread(setting.call, "auth.test")
        taken_s.append(time.perf_counter() - began_s)
        await asyncio.sleep(PACE_S)
    return 1000 * sorted(taken_s)[int(0.99 * len(taken_s))]


def _shown(growth: dict[str, float]) -> str:
    return ", ".join(f"{name.partition('/')[0]} {mib:.0f}" for name, mib in growth.items())
