"""A real Kubernetes API for tests: etcd, kube-apiserver and kube-controller-manager as processes. Where they cannot be had, tests skip.

There is no node: pods stay as they are until a test says what became of them (kubelet.py).
"""

import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane.provision.processes import free_port

BIN = Path(__file__).parents[1] / "kubernetes" / "bin"
UNAVAILABLE = BIN / "unavailable"
"""There when they could not be built; says why."""
SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager")
TOOLS = (*SERVERS, "helm")
START_S_MAX = 90.0
UNTIL_VARIABLE = "WAGGLE_TEST_KUBERNETES_UNTIL"
"""Until when a run waits for a build that is under way elsewhere (`make kubernetes-tools &`): seconds since 1970."""
LOOK_S = 1.0
LAST = ("helm", "kubernetes")
"""Folders of tests that need the tools. They come last: in a clean clone the tools are built while the others run."""
CONTROLLERS = (
    "deployment-controller", "replicaset-controller", "statefulset-controller", "job-controller", "disruption-controller",
    "garbage-collector-controller", "namespace-controller", "resourcequota-controller", "serviceaccount-controller",
    "persistentvolumeclaim-protection-controller", "clusterrole-aggregation-controller",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_needs_tools)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """The wait for a build counts towards no limit of a test."""
    while _needs_tools(item) and not all(map(_found, TOOLS)) and under_way():
        time.sleep(LOOK_S)
    return (yield)


def tool(name: str) -> str:
    """The path of a program; from tests/kubernetes/bin, else PATH. Skips the test that asks where there is none."""
    found = _found(name)
    if found is None:
        pytest.skip(f"no {name} on this machine: {_why()}; tests on a Kubernetes API are skipped")
    return found


def _needs_tools(item: pytest.Item) -> bool:
    return item.path.parent.name in LAST


def _found(name: str) -> str | None:
    return str(BIN / name) if (BIN / name).exists() else shutil.which(name)


def under_way() -> bool:
    """Whether somebody builds them, as far as is known."""
    return not UNAVAILABLE.exists() and time.time() < float(os.environ.get(UNTIL_VARIABLE, "0"))


def _why() -> str:
    if UNAVAILABLE.exists():
        return UNAVAILABLE.read_text().strip()
    if UNTIL_VARIABLE in os.environ:
        return "it was still being built when the time for it was up"
    return "`make kubernetes-tools` builds it"


@dataclass(frozen=True)
class ApiServer:
    url: str
    folder: Path

    def kubeconfig(self, user: str = "admin") -> Path:
        """For `user`, who is anybody: the token is the name. Only admin has rights from the beginning."""
        path = self.folder / f"{user}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.folder / "certificates" / "apiserver.crt")}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": user}}],
            "current-context": "tests",
        }
        path.write_text(json.dumps(document))
        return path


@contextmanager
def an_api_server(folder: Path) -> Iterator[ApiServer]:
    """Serving, with its controllers, as user `admin`; `tester` is known and has no rights."""
    paths = {name: tool(name) for name in SERVERS}
    etcd_port, port, peer_port = free_port(), free_port(), free_port()
    (folder / "tokens").write_text('admin,admin,1,"system:masters"\ntester,tester,2\n')
    _signing_key(folder / "accounts.key")
    server = ApiServer(f"https://127.0.0.1:{port}", folder)
    with ExitStack() as stack:
        stack.enter_context(_running(folder, paths["etcd"], _etcd(folder, etcd_port, peer_port)))
        process = stack.enter_context(_running(folder, paths["kube-apiserver"], _api(folder, etcd_port, port)))
        _await_ready(server, process)
        stack.enter_context(_running(folder, paths["kube-controller-manager"], _controllers(server)))
        yield server


def _etcd(folder: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync", "--log-level=error",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
    ]  # fmt: skip


def _api(folder: Path, etcd_port: int, port: int) -> list[str]:
    key = folder / "accounts.key"
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}", f"--secure-port={port}", "--bind-address=127.0.0.1",
        f"--cert-dir={folder / 'certificates'}", f"--token-auth-file={folder / 'tokens'}", "--authorization-mode=RBAC",
        "--service-account-issuer=https://tests.internal", f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.0.0.0/16", "--endpoint-reconciler-type=none",
    ]  # fmt: skip


def _controllers(server: ApiServer) -> list[str]:
    return [
        f"--kubeconfig={server.kubeconfig()}", "--leader-elect=false", "--secure-port=0", f"--controllers={','.join(CONTROLLERS)}",
        "--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-namespace-syncs=20",
    ]  # fmt: skip


@contextmanager
def _running(folder: Path, program: str, arguments: list[str]) -> "Iterator[subprocess.Popen[bytes]]":
    with (folder / f"{Path(program).name}.log").open("ab") as log:
        process = subprocess.Popen([program, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def _signing_key(path: Path) -> None:
    made = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)]
    subprocess.run(made, check=True, capture_output=True, timeout=30)


def _await_ready(server: ApiServer, process: "subprocess.Popen[bytes]") -> None:
    request = urllib.request.Request(f"{server.url}/readyz", headers={"Authorization": "Bearer admin"})
    insecure = ssl._create_unverified_context()
    until_s = time.monotonic() + START_S_MAX
    while process.poll() is None and time.monotonic() < until_s:
        try:
            with urllib.request.urlopen(request, timeout=5, context=insecure):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    pytest.fail(f"the API server did not start:\n{(server.folder / 'kube-apiserver.log').read_text()[-3000:]}")
