"""Cells on a cluster, as far as it can be decided without one: what is wanted, what differs, what is ready."""

from typing import Any

import pytest

from chassis.identity import CellName
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec
from control_plane.provision.kubernetes.credentials import namespace_of
from control_plane.provision.kubernetes.difference import Change, changes
from control_plane.provision.kubernetes.errors import ChartRefused, QuotaExceeded
from control_plane.provision.kubernetes.manifests import CELL_LABEL, Ref, parse
from control_plane.provision.kubernetes.readiness import Phase, standing
from control_plane.provision.kubernetes.record import Record, document_of, record_of
from control_plane.provision.kubernetes.wishes import wanted

CELL = CellName("cell-1")
PLACE = Record("cell-1", "waggle-cell-1", "applying", "cell-1.0", {"logLevel": "info"})


def known(**values: Any) -> Record:
    return Record("cell-1", "waggle-cell-1", "applied", "cell-1.0", {"region": "eu", **values})


def test_values_that_are_not_said_again_stay_and_so_do_region_and_version() -> None:
    before = known(image={"tag": "2"}, replicas=3)
    assert wanted(CellSpec(CELL, ""), None, "", before, PLACE).values["replicas"] == 3
    said = wanted(CellSpec(CELL, ""), {"replicas": 4, "namespace": {"create": False}}, "", before, PLACE)
    assert (said.values["replicas"], said.values["namespace"], said.values["logLevel"]) == (4, {"create": False}, "info")
    assert (said.region, said.version) == ("eu", "2")
    assert wanted(CellSpec(CELL, ""), {"region": "us"}, "", None, PLACE).region == "us"
    assert wanted(CellSpec(CELL, ""), {}, "", None, PLACE).region == "local"
    with pytest.raises(ProvisionError, match="exists in region 'eu'"):
        wanted(CellSpec(CELL, "us"), None, "", before, PLACE)


def test_a_version_that_is_named_is_not_hidden_by_a_digest() -> None:
    before = known(image={"tag": "2", "digest": "sha256:0"})
    assert wanted(CellSpec(CELL, ""), None, "", before, PLACE).values["image"] == {"tag": "2", "digest": "sha256:0"}
    assert wanted(CellSpec(CELL, ""), None, "3", before, PLACE).values["image"] == {"tag": "3", "digest": ""}


def test_a_record_is_read_as_it_was_written() -> None:
    record = Record("cell-1", "waggle-cell-1", "applied", "cell-1.0", {"region": "eu"}, frozenset({("v1", "Service")}))
    assert record_of(document_of(record)) == record


def test_a_difference_is_told_by_its_path_and_secrets_are_not() -> None:
    def workload(image: str, **more: Any) -> dict[str, Any]:
        return {"kind": "Pod", "metadata": {"generation": len(image)}, "spec": {"containers": [{"name": "api", "image": image, **more}]}}

    found = changes(workload("a:1", stdin=True), workload("a:22"))
    assert found == (Change("spec.containers[api].image", "a:1", "a:22"), Change("spec.containers[api].stdin", "True", ""))
    secret = changes(
        {"kind": "Secret", "metadata": {}, "data": {"key": "b2xk"}}, {"kind": "Secret", "metadata": {}, "data": {"key": "bmV3"}}
    )
    assert secret == (Change("data.key", "(hidden)", "(hidden)"),)


def test_objects_come_in_the_order_of_life_and_dates_stay_text() -> None:
    kinds = ("Deployment", "Job", "StatefulSet", "Service", "Namespace")
    text = "---".join(f"\napiVersion: v1\nkind: {kind}\nmetadata: {{name: one, annotations: {{on: 2026-01-02}}}}\n" for kind in kinds)
    found = parse(text, "cell-1", "waggle-cell-1")
    assert [one.ref.kind for one in found] == ["Namespace", "Service", "StatefulSet", "Job", "Deployment"]
    assert {one.document["metadata"]["labels"][CELL_LABEL] for one in found} == {"cell-1"}
    assert "2026-01-02" in found[0].document["metadata"]["annotations"].values()
    with pytest.raises(ChartRefused, match="renders Deployment one twice"):
        parse(text + "---" + text, "cell-1", "waggle-cell-1")


def test_why_something_is_not_ready() -> None:
    ref = Ref("apps/v1", "Deployment", "waggle-cell-1", "api")
    live: dict[str, Any] = {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": {"observedGeneration": 1}}
    assert standing(ref, live).why == "its controller has not seen the change"
    live["status"] = {"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}
    warning = {"reason": "Unhealthy", "message": "Readiness probe failed", "lastTimestamp": "2026-01-02T03:04:05Z"}
    assert standing(ref, live, events=[warning]).why == "1 of 2 pods ready; Unhealthy: Readiness probe failed"
    refused = {"reason": "FailedCreate", "message": "exceeded quota: cell", "lastTimestamp": None}
    quota = standing(ref, live, events=[warning, refused])
    assert (quota.phase, quota.error) == (Phase.STUCK, QuotaExceeded)
    live["status"]["availableReplicas"] = 2
    assert standing(ref, live, events=[refused]).phase is Phase.READY
    postgres = Ref("postgresql.cnpg.io/v1", "Cluster", "waggle-cell-1", "postgres")
    failing = {"metadata": {}, "spec": {"instances": 3}, "status": {"readyInstances": 3, "phase": "Failing over"}}
    assert standing(postgres, failing).why == "3 of 3 instances ready: Failing over"


def test_where_the_control_plane_stands() -> None:
    assert namespace_of("control-plane.waggle.svc:7000") == "waggle"
    assert namespace_of("control-plane.example.com:7000") == namespace_of("") == ""
