"""Values that cannot work are refused by helm, before anything reaches a cluster, in a line that names the value."""

import json

import pytest

from tests.harness.charts import HELM, run

BAD = [
    ("cell", "name=Cell_1", "at '/name': 'Cell_1' does not match pattern"),
    ("cell", "name=c", "at '/name': 'c' does not match pattern"),
    ("cell", "region=EU West", "at '/region': 'EU West' does not match pattern"),
    ("cell", "publicUrl=chat.example.com", "at '/publicUrl': 'chat.example.com' does not match pattern '^https?://"),
    ("cell", "image.tga=1", "at '/image': additional properties 'tga' not allowed"),
    ("cell", "api.replicas=many", "at '/api/replicas': got string, want integer"),
    ("cell", "api.replicas=0", "at '/api/replicas': minimum: got 0, want 1"),
    ("cell", "gateway.autoscaling.sessions=50", "at '/gateway/autoscaling/sessions': minimum: got 50, want 100"),
    ("cell", "worker.autoscaling.enabled=true", "at '/worker': additional properties 'autoscaling' not allowed"),
    ("cell", "api.resources.limits.memory=2 GB", "at '/api/resources/limits/memory': '2 GB' does not match pattern"),
    ("cell", "logLevel=trace", "at '/logLevel': value must be one of 'debug', 'info', 'warning', 'error'"),
    ("cell", "drain.requestsS=60", "at '/drain/requestsS': maximum: got 60, want 25"),
    ("cell", "controlPlane.address=control-plane", "at '/controlPlane/address': 'control-plane' does not match pattern"),
    ("cell", "postgres.kind=mysql", "at '/postgres/kind': value must be one of 'cloudnative-pg', 'statefulset', 'external'"),
    ("cell", "postgres.kind=external", "at '/postgres/external/secretName': minLength: got 0, want 1"),
    ("cell", "valkey.kind=external", "at '/valkey/external/secretName': minLength: got 0, want 1"),
    ("cell", "openSearch.kind=external", "at '/openSearch/external/secretName': minLength: got 0, want 1"),
    ("cell", "postgres.storage.size=lots", "at '/postgres/storage/size': 'lots' does not match pattern"),
    (
        "cell",
        "postgres.cloudNativePg.backup.schedule=daily",
        "/cloudNativePg/backup/schedule': 'daily' does not match pattern",
    ),
    ("cell", "postgres.cloudNativePg.recovery.objectStore=b", "/cloudNativePg/recovery/serverName': minLength: got 0, want 1"),
    ("cell", "files.store=ftp://somewhere", "at '/files/store': 'ftp://somewhere' does not match pattern '^(s3://"),
    ("cell", "settings.WAGGLE_ROUTER_WORKERS=2", "'WAGGLE_ROUTER_WORKERS' does not match pattern '^WAGGLE_CELL_"),
    ("cell", "tls.duration=90d", "at '/tls/duration': '90d' does not match pattern"),
    ("cell", "networkPolicy.outside[0].cidr=10.0.0.1", "at '/networkPolicy/outside/0': missing property 'ports'"),
    ("cell", "monitoring.interval=1m", "at '/monitoring/interval': '1m' does not match pattern"),
    ("router", "service.type=External", "at '/service/type': value must be one of 'ClusterIP', 'NodePort', 'LoadBalancer'"),
    ("router", "trustedProxies={10.0.0.0/8}", "at '/trustedProxies/0': '10.0.0.0/8' does not match pattern"),
    ("router", "autoscaling.cpuPercent=100", "at '/autoscaling/cpuPercent': maximum: got 100, want 95"),
    ("control-plane", "replicas=20", "at '/replicas': maximum: got 20, want 9"),
]
TOGETHER = [
    ("cell", "api.autoscaling.max=30", "postgres.connectionsMax: 240 leave 192 for the pods, which may open 432"),
    ("cell", "gateway.autoscaling.min=5", "gateway.autoscaling: min 5 is above max 4"),
    ("cell", "files.store=s3://a,files.claimName=b", "files: store and claimName exclude one another"),
    ("router", "gateway.enabled=true", "gateway.parents: empty; a route needs the Gateway that it belongs to"),
    ("control-plane", "databaseConnections=60", "postgres.connectionsMax: 100 leave 80 for the pods, which may open 120"),
]


@pytest.mark.parametrize(("chart", "value", "line"), BAD, ids=[f"{chart}: {value}" for chart, value, _ in BAD])
def test_a_bad_value_is_refused_by_name(chart: str, value: str, line: str) -> None:
    done = run("template", "cell-1", HELM / chart, "--set", value)
    assert done.returncode == 1 and not done.stdout
    assert f"{chart}:\n- at '" in done.stderr and line in done.stderr


@pytest.mark.parametrize(("chart", "value", "line"), TOGETHER, ids=[f"{chart}: {value}" for chart, value, _ in TOGETHER])
def test_values_that_cannot_work_together_are_refused(chart: str, value: str, line: str) -> None:
    done = run("template", "cell-1", HELM / chart, "--set", value)
    assert done.returncode == 1 and line in done.stderr


@pytest.mark.parametrize("chart", ["cell", "router", "control-plane"])
def test_every_object_of_values_is_closed(chart: str) -> None:
    """A slip of the pen in any name is refused, not ignored."""
    schema = json.loads((HELM / chart / "values.schema.json").read_text())
    assert not [path for path, one in _objects(schema, "") if "properties" in one and one.get("additionalProperties") is not False]


def _objects(schema: object, path: str) -> list[tuple[str, dict[str, object]]]:
    if isinstance(schema, list):
        return [found for n, one in enumerate(schema) for found in _objects(one, f"{path}/{n}")]
    if not isinstance(schema, dict):
        return []
    own = [(path, schema)] if schema.get("type") == "object" else []
    return own + [found for name, one in schema.items() for found in _objects(one, f"{path}/{name}")]
