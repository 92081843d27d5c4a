"""The charts fit the processes: what they set is read, what must be set is set, what they watch is counted, what they allow is enough."""

import json
import re
from typing import Any

import pytest
import yaml

from cells.app.settings import PREFIXES as CELL
from cells.app.settings import CellSettings
from chassis.settings import load, settings_of
from control_plane.app.settings import PREFIXES as CONTROL
from control_plane.app.settings import ControlSettings
from control_plane.provision.cluster_settings import REPLICATION, REST, VACUUM
from router.app.settings import Settings, from_environment
from tests.harness.charts import CHARTS, HELM, SETS, Object, objects, pods, rendered
from tests.unit.test_docs import metrics

MINE = ("jit", "synchronous_commit", "max_wal_size", "client_connection_check_interval", "tcp_keepalives_idle")
EVERY_SET = [(chart, values) for chart in CHARTS for values in SETS]
SECRETS = {
    "POD_IP": "10.1.2.3",
    "WAGGLE_CELL_DATABASE_URL": "postgresql://waggle_app:secret@database/waggle",
    "WAGGLE_CELL_OWNER_DATABASE_URL": "postgresql://owner:secret@database/waggle",
    "WAGGLE_CONTROL_DATABASE_URL": "postgresql://waggle_app:secret@database/waggle",
    "WAGGLE_CELL_REDIS_URL": "rediss://:secret@valkey:6379/0",
    "WAGGLE_CELL_OPENSEARCH_URL": "https://cell:secret@opensearch:9200",
    "WAGGLE_MAIL_SMTP_URL": "smtps://cell:secret@mail:465",
}
"""What Secrets and the pod's own facts say in these tests."""
RECORDED = {"waggle_sessions"}
"""Made by a recording rule."""
SUFFIXES = re.compile(r"_(bucket|count|sum)$")


def containers(chart: str, values: str) -> dict[str, Object]:
    """By the module that they run."""
    found = [container for _, _, spec in pods(objects(chart, values)) for container in spec["containers"]]
    return {container["command"][2]: container for container in found if container.get("command", [""])[0] == "python"}


def environment(container: Object) -> dict[str, str]:
    """As Kubernetes would hand it out; secrets and the pod's facts are made up."""
    made: dict[str, str] = {}
    for one in container["env"]:
        value = one.get("value") or SECRETS.get(one["name"], "from-elsewhere")
        made[one["name"]] = re.sub(r"\$\((\w+)\)", lambda match: made[match[1]], value)
    return made


@pytest.mark.parametrize(("chart", "values"), EVERY_SET)
def test_processes_accept_what_they_are_told(chart: str, values: str) -> None:
    found = containers(chart, values)
    for module, container in found.items():
        environ = environment(container)
        if module == "cells.app":
            settings = load(CellSettings, environ, CELL)
            assert str(settings.advertise) == "10.1.2.3:7100" and settings.owner_database_url and settings.redis_url
        elif module == "router.app":
            from_environment(environ)
        elif module == "control_plane.app":
            load(ControlSettings, environ, CONTROL)
    assert {"cells.app", "router.app", "control_plane.app"} & set(found)


@pytest.mark.parametrize("chart", CHARTS)
def test_every_variable_is_one_that_somebody_reads(chart: str) -> None:
    known = {about.variable for cls in (CellSettings, Settings, ControlSettings) for about in settings_of(cls)}
    known |= {"WAGGLE_APP_PASSWORD", "WAGGLE_MIGRATION_LOCK_TIMEOUT_S", "WAGGLE_MIGRATION_STATEMENT_TIMEOUT_S"}  # of migrations
    known |= {"WAGGLE_ADMIN_ADDRESS", "WAGGLE_PUBLIC_URL"}  # of the command line
    text = "".join(path.read_text() for path in (HELM / chart / "templates").iterdir())
    assert not set(re.findall(r"name: (WAGGLE_\w+)", text)) - known


@pytest.mark.parametrize(("chart", "values"), EVERY_SET)
def test_pods_may_do_nothing_that_they_need_not(chart: str, values: str) -> None:
    for name, _, spec in pods(objects(chart, values)):
        about = spec["securityContext"]
        assert about["runAsNonRoot"] and about["runAsUser"] > 0 and about["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False and not spec.get("hostNetwork") and not spec.get("hostPID"), name
        for container in spec["containers"]:
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"] and own["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]) & set(container["resources"]["limits"]), name


@pytest.mark.parametrize(("chart", "values"), EVERY_SET)
def test_every_process_is_probed_drained_spread_and_guarded(chart: str, values: str) -> None:
    found = objects(chart, values)
    guarded = [one["spec"]["selector"]["matchLabels"] for one in found if one["kind"] == "PodDisruptionBudget"]
    for name, labels, spec in pods([one for one in found if one["kind"] == "Deployment"]):
        container = spec["containers"][0]
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz" and container["livenessProbe"]["httpGet"]["path"] == "/livez", (
            name
        )
        drain_s = int(container["lifecycle"]["preStop"]["exec"]["command"][1]) + 30
        assert spec["terminationGracePeriodSeconds"] > drain_s, name
        assert {one["topologyKey"] for one in spec["topologySpreadConstraints"]} == {
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        }
        assert [one for one in guarded if one.items() <= labels.items()], name


@pytest.mark.parametrize("values", SETS)
def test_a_cells_network_is_shut_but_for_its_doors(values: str) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in objects("cell", values) if one["kind"] == "NetworkPolicy"}
    everything = policies["deny-all"]
    assert everything["podSelector"] == {} and set(everything["policyTypes"]) == {"Ingress", "Egress"} and "ingress" not in everything
    doors = [(sorted(rule), rule.get("from")) for spec in policies.values() for rule in spec.get("ingress", ())]
    assert all(sources for _, sources in doors), "a door that is open to everybody"
    assert ("postgres" in policies) == (values != "external")


@pytest.mark.parametrize("values", ["small", "production"])
def test_the_quota_lets_a_cell_grow_as_far_as_its_autoscalers_may(values: str) -> None:
    found = objects("cell", values)
    hard = next(one for one in found if one["kind"] == "ResourceQuota")["spec"]["hard"]
    most = {one["metadata"]["name"]: one["spec"]["maxReplicas"] for one in found if one["kind"] == "HorizontalPodAutoscaler"}
    wanted = dict.fromkeys(("requests.cpu", "requests.memory", "limits.memory", "pods"), 0.0)
    for one in found:
        for count, resources in _pods_of(one, most):
            wanted["pods"] += count
            for name in ("requests.cpu", "requests.memory", "limits.memory"):
                kind, _, what = name.partition(".")
                wanted[name] += count * _quantity(resources[kind][what])
    assert {name: amount for name, amount in wanted.items() if amount > _quantity(hard[name])} == {}


def _pods_of(one: Object, most: dict[str, int]) -> list[tuple[int, Any]]:
    """(how many there can be, of which resources); a Deployment has one more while it is rolled out."""
    spec = one.get("spec") or {}
    if one["kind"] == "Cluster":
        return [(spec["instances"], spec["resources"])]
    if one["kind"] not in ("Deployment", "StatefulSet", "Job"):
        return []
    replicas = most.get(one["metadata"]["name"], spec.get("replicas", 1)) + (one["kind"] == "Deployment")
    return [(replicas, spec["template"]["spec"]["containers"][0]["resources"])]


def _quantity(text: str) -> float:
    units = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "": 1.0}
    match = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", text)
    assert match
    return float(match[1]) * units[match[2]]


def test_a_cells_postgresql_is_told_what_the_local_one_is() -> None:
    told = yaml.safe_load((HELM / "cell" / "values.yaml").read_text())["postgres"]["parameters"]
    local = {**REPLICATION, **VACUUM, **{name: REST[name] for name in MINE}}
    assert local.items() <= told.items()


def test_what_the_charts_watch_exists() -> None:
    counted = {name for name, _ in metrics()} | RECORDED
    for path in (*HELM.glob("*/alerts.yaml"), *HELM.glob("*/dashboards/*.json"), *HELM.glob("*/templates/autoscaling.yaml")):
        named = {SUFFIXES.sub("", name) for name in re.findall(r"\bwaggle_[a-z_]+", path.read_text())}
        assert not named - counted, path


def test_every_plane_has_alerts_for_the_golden_signals_and_a_dashboard_that_opens() -> None:
    for chart in CHARTS:
        alerts = next(one for one in objects(chart, "production") if one["kind"] == "PrometheusRule")["spec"]["groups"][-1]["rules"]
        assert len(alerts) >= 8 and all({"expr", "for", "labels", "annotations"} <= set(alert) for alert in alerts)
        assert not [alert for alert in alerts if "$name" in str(alert) or "$namespace" in str(alert)]
        dashboard = next(one for one in objects(chart, "production") if one["kind"] == "ConfigMap")
        (panels,) = (json.loads(text)["panels"] for text in dashboard["data"].values())
        assert len(panels) >= 12 and "CHART_NAMESPACE" not in str(panels) and "CELL_NAME" not in str(panels)


def test_what_the_charts_have_in_common_is_the_same_in_each() -> None:
    for name, charts in (("_house.tpl", CHARTS), ("_postgres.tpl", ("cell", "control-plane"))):
        assert len({(HELM / chart / "templates" / name).read_bytes() for chart in charts}) == 1, name


@pytest.mark.parametrize("chart", CHARTS)
def test_every_value_is_explained(chart: str) -> None:
    """README's table has each value of values.yaml, or the branch that it is on, and nothing that is gone."""
    values = yaml.safe_load((HELM / chart / "values.yaml").read_text())
    listed = set(re.findall(r"^\| `([A-Za-z0-9.]+)` \|", (HELM / chart / "README.md").read_text(), re.MULTILINE))
    leaves = set(_paths(values, ""))
    branches = {path.rsplit(".", n)[0] for path in leaves for n in range(1, path.count(".") + 1)}
    assert listed <= leaves | branches, "gone from values.yaml"
    assert not {leaf for leaf in leaves if not any(leaf == one or leaf.startswith(f"{one}.") for one in listed)}, "not in README.md"


def _paths(values: Any, path: str) -> list[str]:
    if not isinstance(values, dict) or not values:
        return [path]
    return [found for name, value in values.items() for found in _paths(value, f"{path}.{name}" if path else name)]


def test_migrations_run_before_an_upgrade_and_beside_an_installation() -> None:
    for chart in ("cell", "control-plane"):
        first = next(one for one in objects(chart, "small") if one["kind"] == "Job")
        later = next(one for one in objects(chart, "small", "--is-upgrade") if one["kind"] == "Job")
        assert "annotations" not in first["metadata"]
        assert later["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
        other = next(one for one in objects(chart, "small", "--set-string", "image.tag=9") if one["kind"] == "Job")
        assert other["metadata"]["name"] != first["metadata"]["name"], "a Job cannot be changed"


def test_no_value_of_ours_names_a_registry() -> None:
    images = set(re.findall(r"image: \"?([^\s\"]+)", "".join(rendered(chart, values) for chart, values in EVERY_SET)))
    assert images and not [image for image in images if "." in image.partition("/")[0] and "/" in image]


def test_no_process_sees_a_database_from_an_archive_before_it_is_sealed() -> None:
    recovering = "postgres.cloudNativePg.recovery.objectStore=backups,postgres.cloudNativePg.recovery.serverName=cell-0"
    found = objects("cell", "production", "--set", recovering)
    sealing = ["python", "-m", "control_plane.provision.backups.sealing", "cell-1", "$(WAGGLE_CELL_OWNER_DATABASE_URL)"]
    seen = {name: [one["command"] for one in spec.get("initContainers", ())] for name, _, spec in pods(found) if name != "valkey"}
    assert len(seen) == 4 and all(commands == [sealing] for commands in seen.values())
    (cluster,) = (one for one in found if one["kind"] == "Cluster")
    assert cluster["spec"]["bootstrap"]["recovery"]["source"] == "origin"
    assert cluster["spec"]["postgresql"]["parameters"]["max_logical_replication_workers"] == "0", "no move of the original goes on"
    assert not [name for name, _, spec in pods(objects("cell", "production")) if "initContainers" in spec]
