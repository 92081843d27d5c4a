"""A real OpenSearch node for tests, from Maven artifacts and the machine's Java. Where they cannot be had, its tests skip.

async with / with a_node(tmp_path) as node:   # node.url
    node.kill(); node.start()
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from control_plane.provision.processes import free_port

FOLDER = Path(__file__).parents[1] / "opensearch"
JARS = FOLDER / "target" / "jars"
COMPLETE = JARS / ".complete"
HEAP = "512m"
FETCH_S_MAX, START_S_MAX = 180.0, 90.0


@cache
def jars() -> Path:
    """The folder of them; fetched once by Maven. Skips the test that asks where there is no Java, Maven, or artifact."""
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine: OpenSearch is not started")
    if not COMPLETE.exists():
        if shutil.which("mvn") is None:
            pytest.skip("no Maven on this machine: OpenSearch's artifacts are not here")
        fetch = ["mvn", "-B", "-q", "-f", str(FOLDER / "pom.xml"), "dependency:copy-dependencies", "-DoutputDirectory=target/jars"]
        try:
            done = subprocess.run(fetch, capture_output=True, text=True, timeout=FETCH_S_MAX, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("Maven did not fetch OpenSearch's artifacts in time")
        if done.returncode:
            pytest.skip(f"OpenSearch's artifacts cannot be had: {done.stdout.strip()[-200:]}")
        COMPLETE.touch()
    return JARS


@dataclass
class Node:
    home: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it serves."""
        told = self.home / "port"
        told.unlink(missing_ok=True)
        java = ["java", f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-cp", f"{jars()}/*", str(FOLDER / "OpenSearchNode.java")]
        with (self.home / "node.log").open("ab") as log:
            arguments = [*java, str(self.home), str(told), str(self.port)]
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "TZ": "UTC"})
        until_s = time.monotonic() + START_S_MAX
        while not told.exists():
            if self.process.poll() is not None or time.monotonic() > until_s:
                self.kill()
                pytest.fail(f"OpenSearch did not start:\n{(self.home / 'node.log').read_text()[-3000:]}")
            time.sleep(0.05)

    def pause(self) -> None:
        """It hangs: takes connections and answers none."""
        self._signal(signal.SIGSTOP)

    def unpause(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@contextmanager
def a_node(home: Path) -> Iterator[Node]:
    node = Node(home, free_port())
    node.start()
    try:
        yield node
    finally:
        node.kill()
