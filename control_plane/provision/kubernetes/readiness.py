"""Whether an object is what it should be, from its own status; why not, from its pods and events. Pure: facts in, a standing out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from control_plane.provision.errors import ProvisionError
from control_plane.provision.kubernetes.errors import ImageNotPulled, NotReady, QuotaExceeded, line_of
from control_plane.provision.kubernetes.manifests import Ref

Facts = Mapping[str, Any]


class Phase(StrEnum):
    READY = "ready"
    WAITING = "waiting"
    STUCK = "stuck"
    """Waiting for somebody to mend something."""
    FAILED = "failed"
    """It will not become ready by waiting."""


@dataclass(frozen=True, slots=True)
class Standing:
    ref: Ref
    phase: Phase
    why: str = ""
    error: type[ProvisionError] = NotReady
    """What to raise where it stays stuck."""


PULLS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
BROKEN = {"CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
HEALTHY = "Cluster in healthy state"


def standing(ref: Ref, live: Facts | None, pods: Iterable[Facts] = (), events: Iterable[Facts] = ()) -> Standing:
    """`pods` and `events` are the object's own; they are looked at where it is not ready."""
    if live is None:
        return Standing(ref, Phase.WAITING, "it is gone; apply the cell again")
    phase, why = JUDGES[ref.kind](live) if takes_time(ref) else (Phase.READY, "")
    if phase is not Phase.WAITING:
        return Standing(ref, phase, why)
    if quota := _quota(live, events):
        return Standing(ref, Phase.STUCK, quota, QuotaExceeded)
    for pod in pods:
        if trouble := _trouble(pod):
            return Standing(ref, Phase.STUCK, trouble[1], trouble[0])
    return Standing(ref, phase, _told(why, events))


def takes_time(ref: Ref) -> bool:
    """Other kinds are what they should be as soon as they are stored."""
    return ref.kind in JUDGES


def _deployment(live: Facts) -> tuple[Phase, str]:
    spec, status = live["spec"], live.get("status") or {}
    wanted = spec.get("replicas", 1)
    if _unseen(live):
        return Phase.WAITING, "its controller has not seen the change"
    if _condition(live, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return Phase.FAILED, _condition(live, "Progressing").get("message", "it made no progress")
    if (updated := status.get("updatedReplicas", 0)) < wanted:
        return Phase.WAITING, f"{updated} of {wanted} pods updated"
    if (old := status.get("replicas", 0) - updated) > 0:
        return Phase.WAITING, f"{old} old pods are leaving"
    available = status.get("availableReplicas", 0)
    return (
        (Phase.READY, f"{available} of {wanted} pods ready")
        if available >= wanted
        else (Phase.WAITING, f"{available} of {wanted} pods ready")
    )


def _stateful_set(live: Facts) -> tuple[Phase, str]:
    status, wanted = live.get("status") or {}, live["spec"].get("replicas", 1)
    if _unseen(live):
        return Phase.WAITING, "its controller has not seen the change"
    ready = status.get("readyReplicas", 0)
    if ready < wanted:
        return Phase.WAITING, f"{ready} of {wanted} pods ready"
    if status.get("updateRevision") != status.get("currentRevision") and status.get("updatedReplicas", 0) < wanted:
        return Phase.WAITING, f"{status.get('updatedReplicas', 0)} of {wanted} pods updated"
    return Phase.READY, f"{ready} of {wanted} pods ready"


def _job(live: Facts) -> tuple[Phase, str]:
    if _condition(live, "Complete").get("status") == "True":
        return Phase.READY, "done"
    if _condition(live, "Failed").get("status") == "True":
        return Phase.FAILED, _condition(live, "Failed").get("message", "it failed")
    failed = (live.get("status") or {}).get("failed", 0)
    return Phase.WAITING, f"running, {failed} attempts failed" if failed else "running"


def _postgres_cluster(live: Facts) -> tuple[Phase, str]:
    """As cloudnative-pg tells it."""
    status, wanted = live.get("status") or {}, live["spec"].get("instances", 1)
    ready, phase = status.get("readyInstances", 0), status.get("phase", "not seen by its operator yet")
    if ready >= wanted and phase == HEALTHY:
        return Phase.READY, f"{ready} of {wanted} instances ready"
    return Phase.WAITING, f"{ready} of {wanted} instances ready: {line_of(phase)}"


JUDGES: dict[str, Callable[[Facts], tuple[Phase, str]]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "Job": _job,
    "Cluster": _postgres_cluster,
}


def _unseen(live: Facts) -> bool:
    return bool((live.get("status") or {}).get("observedGeneration", 0) < live["metadata"].get("generation", 1))


def _condition(live: Facts, kind: str) -> Facts:
    conditions: list[Facts] = (live.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == kind), {})


def _quota(live: Facts, events: Iterable[Facts]) -> str:
    refused = _condition(live, "ReplicaFailure").get("message", "")
    if "exceeded quota" in refused:
        return line_of(refused)
    return next((line_of(one["message"]) for one in events if "exceeded quota" in (one.get("message") or "")), "")


def _trouble(pod: Facts) -> tuple[type[ProvisionError], str] | None:
    """What keeps a pod from running that waiting alone does not mend."""
    status, name = pod.get("status") or {}, pod["metadata"]["name"]
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in PULLS:
            return (
                ImageNotPulled,
                f"image {container.get('image')} cannot be pulled: {line_of(waiting.get('message') or waiting['reason'])}",
            )
        if waiting.get("reason") in BROKEN:
            return NotReady, f"pod {name}: {waiting['reason']}: {line_of(waiting.get('message') or '')}"
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("reason") == "Unschedulable":
        return NotReady, f"pod {name} fits on no node: {line_of(scheduled.get('message') or '')}"
    return None


def _told(why: str, events: Iterable[Facts]) -> str:
    """With the latest warning, which mostly is the reason."""
    latest = max(events, key=lambda one: one.get("lastTimestamp") or one.get("eventTime") or "", default=None)
    return f"{why}; {latest.get('reason')}: {line_of(latest.get('message') or '')}" if latest else why
