"""What a node would do, as far as a test wants it: pods become ready, or do not; Jobs' pods end. It starts no container."""

import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.harness.kubernetes import ApiServer

Pod = dict[str, Any]
Verdict = Callable[[Pod], dict[str, Any] | None]
"""The status that a pod gets; None: it stays as it is."""
WATCH_S = 1


def ready(pod: Pod) -> dict[str, Any]:
    """All is well."""
    if _owner(pod) == "Job":
        return {"phase": "Succeeded"}
    return {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


def untouched(pod: Pod) -> None:
    """Nobody takes it."""


def failing_jobs(pod: Pod) -> dict[str, Any]:
    return {"phase": "Failed"} if _owner(pod) == "Job" else ready(pod)


def without_image(pod: Pod) -> dict[str, Any]:
    """The registry has no such image."""
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image: not found"}
    image = pod["spec"]["containers"][0]["image"]
    state = {"name": pod["spec"]["containers"][0]["name"], "image": image, "imageID": "", "ready": False, "restartCount": 0}
    return {"phase": "Pending", "containerStatuses": [{**state, "state": {"waiting": waiting}}]}


def _owner(pod: Pod) -> str:
    return str((pod["metadata"].get("ownerReferences") or [{}])[0].get("kind", ""))


@dataclass
class Kubelet:
    """Gives each pod the verdict of its namespace, once it appears and again when the verdict changes."""

    server: ApiServer
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Kubelet":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(30)

    def judge(self, namespace: str, verdict: Verdict) -> None:
        """From now on, and for the pods that are there."""
        self.verdicts[namespace] = verdict
        for pod in json.loads(self._call("GET", f"/api/v1/namespaces/{namespace}/pods"))["items"]:
            self._give(pod)

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._open("GET", f"/api/v1/pods?watch=1&timeoutSeconds={WATCH_S}") as answer:
                for line in answer:
                    event = json.loads(line)
                    if event["type"] in ("ADDED", "MODIFIED"):
                        self._give(event["object"])
                    if self._stop.is_set():
                        return

    def _give(self, pod: Pod) -> None:
        metadata, verdict = pod["metadata"], self.verdicts.get(pod["metadata"]["namespace"], ready)
        status = verdict(pod)
        if status is None or metadata.get("deletionTimestamp") or status["phase"] == pod["status"].get("phase") != "Pending":
            return
        if status.get("containerStatuses") and pod["status"].get("containerStatuses"):
            return
        try:
            self._call("PATCH", f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status", {"status": status})
        except urllib.error.HTTPError as error:
            if error.code not in (404, 409):  # it went meanwhile
                raise

    def _call(self, method: str, path: str, body: object = None) -> bytes:
        with self._open(method, path, body) as answer:
            return bytes(answer.read())

    def _open(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": "Bearer admin", "Content-Type": "application/merge-patch+json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.server.url}{path}", data, headers, method=method)
        return urllib.request.urlopen(request, timeout=WATCH_S + 30, context=self._trust())

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.server.folder / "certificates" / "apiserver.crt"))
