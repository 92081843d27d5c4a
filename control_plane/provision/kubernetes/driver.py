"""Cells on a cluster: the chart applied, waited for, pruned. Every step may be repeated, so a run that was killed is run again."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from chassis.identity import CellName
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec, MigrationLimits
from control_plane.provision.kubernetes import credentials, record
from control_plane.provision.kubernetes.chart import Chart, Values, overlaid
from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.errors import CellNotApplied, NotReady
from control_plane.provision.kubernetes.halting import halted, withdraw
from control_plane.provision.kubernetes.manifests import HIBERNATION, Manifest, Ref, Stage
from control_plane.provision.kubernetes.planning import Plan, is_stale, labelled, plan, superfluous
from control_plane.provision.kubernetes.readiness import takes_time
from control_plane.provision.kubernetes.record import Record
from control_plane.provision.kubernetes.waiting import Patience, Tell, Waiting, untold
from control_plane.provision.kubernetes.wishes import Wish, wanted

NAMESPACE_PREFIX = "waggle-"
ASLEEP = {"metadata": {"annotations": {HIBERNATION: "on"}}}
"""cloudnative-pg deletes a Cluster's disks with it, so one is put to sleep instead."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KubernetesProvisioner:
    """Fulfils `Provisioner`, and shows beforehand what it would do. Raises ProvisionError, one line each."""

    cluster: Cluster
    chart: Chart
    values: Values = field(default_factory=dict)
    """For all cells that are made here; each may have more."""
    prefix: str = NAMESPACE_PREFIX
    patience: Patience = field(default_factory=Patience)
    tell: Tell = untold

    def namespace(self, cell: str) -> str:
        return f"{self.prefix}{cell}"

    async def create(self, spec: CellSpec) -> None:
        """Applied as the chart has it; returns when all of it is ready."""
        await self.apply(spec)

    async def cells(self) -> tuple[CellSpec, ...]:
        found = await asyncio.to_thread(record.read_all, self.cluster)
        return tuple(CellSpec(CellName(one.cell), one.region or "local") for one in found if one.state != "retired")

    async def plan(self, spec: CellSpec, values: Values | None = None, version: str = "") -> Plan:
        """What `apply` with the same words would do now."""
        return await asyncio.to_thread(lambda: self._plan(self._wish(spec, values, version)))

    async def diff(self, cell: str) -> Plan:
        """Where the cluster has drifted from what was applied last. A Job is what ran: one that is gone, or ahead of it, is no drift."""
        known = await asyncio.to_thread(self._require, cell)
        found = await self.plan(CellSpec(CellName(cell), known.region), known.values)
        return replace(found, planned=tuple(one for one in found.planned if one.ref.kind != "Job"))

    async def change_version(self, cell: str, version: str) -> Plan:
        """The same values with another version of the image: migrations first, then the processes, pod by pod."""
        known = await asyncio.to_thread(self._require, cell)
        return await self.apply(CellSpec(CellName(cell), known.region), known.values, version)

    async def apply(self, spec: CellSpec, values: Values | None = None, version: str = "") -> Plan:
        """Make it so and wait until it is; returns what was done. Killed anywhere and run again, it ends the same."""
        wish = await asyncio.to_thread(self._wish, spec, values, version)
        done = await asyncio.to_thread(self._plan, wish)
        becomes = await self._reach(wish, Stage.PROCESSES)
        await self._prune(becomes, wish.manifests, Waiting(self.cluster, self.patience, self.tell))
        await _whole(lambda: record.write(self.cluster, replace(becomes.only_kinds(wish.manifests), state="applied")))
        return done

    async def upgrade(self, name: CellName, version: str) -> None:
        """For those who go through a fleet: as `change_version`."""
        await self.change_version(name, version)

    async def revisions(self, version: str) -> tuple[str, ...]:  # noqa: ARG002 - the image knows, and nobody here has it
        return ()

    async def migrate(self, name: CellName, version: str, limits: MigrationLimits) -> str:
        """The Job of `version`, tried once; the processes stay, and so does what is on record as applied.

        Returns nothing, for only the image knows its revisions. Raises MigrationHalted.
        """
        known = await asyncio.to_thread(self._require, name)
        once = overlaid(known.values, {"migration": _once(limits)})
        wish = await asyncio.to_thread(self._wish, CellSpec(name, known.region), once, version)
        jobs = tuple(one for one in wish.manifests if one.stage is Stage.RUNS)
        waiting = Waiting(self.cluster, self.patience, self.tell)
        await waiting.begin(known.namespace)
        try:
            await self._apply(jobs, waiting)
        except ProvisionError as error:
            await _whole(lambda: withdraw(self.cluster, jobs))
            if not isinstance(error, NotReady):
                raise
            raise await asyncio.to_thread(halted, self.cluster, name, jobs, str(error)) from error
        return ""

    async def retire(self, name: CellName, *, delete_data: bool = False) -> None:
        """Its processes end; passwords, disks and the record of its values stay, unless the data are to go with all of the namespace."""
        known = await asyncio.to_thread(self._require, name)
        waiting = Waiting(self.cluster, self.patience, self.tell)
        await asyncio.to_thread(record.write, self.cluster, replace(known, state="retiring"))
        await asyncio.to_thread(self._end, known)
        await waiting.gone(lambda: self._pods(known.namespace), "it ends")
        await asyncio.to_thread(record.write, self.cluster, replace(known, state="retired"))
        if delete_data:
            await self._delete(known.namespace, waiting)

    def _wish(self, spec: CellSpec, values: Values | None, version: str) -> Wish:
        namespace = self.namespace(spec.name)
        known = record.read(self.cluster, namespace)
        place = Record(spec.name, namespace, "applying", self.chart.version(), self.values)
        becomes = wanted(spec, values, version, known, place)
        return Wish(known, becomes, self.chart.render(spec.name, namespace, becomes.values))

    def _plan(self, wish: Wish) -> Plan:
        becomes = wish.wanted
        acts = plan(self.cluster, becomes.namespace, wish.manifests, wish.known)
        return Plan(becomes.cell, becomes.namespace, becomes.chart, becomes.version, acts)

    async def _reach(self, wish: Wish, last: Stage) -> Record:
        """Each stage ready before the next is applied, up to and with `last`."""
        becomes = await _whole(lambda: self._begin(wish))
        waiting = Waiting(self.cluster, self.patience, self.tell)
        await waiting.begin(becomes.namespace)
        for stage in (stage for stage in Stage if stage <= last):
            await self._apply(tuple(one for one in wish.manifests if one.stage is stage), waiting)
        return becomes

    def _begin(self, wish: Wish) -> Record:
        """The namespace, then the record of what is to come: from here on whoever comes after a crash knows where to look."""
        for one in wish.manifests:
            if one.ref.kind == "Namespace":
                self.cluster.apply(one)
        kinds = wish.known.kinds if wish.known else frozenset()
        becomes = replace(wish.wanted, kinds=kinds).with_kinds(wish.manifests)
        record.write(self.cluster, becomes)
        self._give_credentials(becomes, wish.manifests)
        return becomes

    def _give_credentials(self, becomes: Record, manifests: Sequence[Manifest]) -> None:
        """The cell's own passwords, and the token that the planes share."""
        effective = overlaid(self.chart.defaults(), becomes.values)
        secret = str(effective.get("secretName") or credentials.NAME_DEFAULT)
        credentials.ensure(self.cluster, becomes.namespace, secret, credentials.keys_wanted(manifests, secret))
        token = (effective.get("clusterToken") or {}).get("secretName")
        source = credentials.namespace_of(str((effective.get("controlPlane") or {}).get("address", "")))
        if token:
            credentials.copy(self.cluster, str(token), source, becomes.namespace)

    async def _apply(self, manifests: Sequence[Manifest], waiting: Waiting) -> None:
        for one in manifests:
            if one.ref.kind == "Job":
                await self._clear(one, waiting)
            await _whole(partial(self.cluster.apply, one))
        await waiting.ready(tuple(one for one in manifests if takes_time(one.ref)))

    async def _clear(self, job: Manifest, waiting: Waiting) -> None:
        """A Job cannot be changed: one that was made from something else, or failed, goes first."""
        live = await asyncio.to_thread(self.cluster.get, job.ref)
        if live is not None and is_stale(live, job):
            await _whole(lambda: self.cluster.delete(job.ref))
            await waiting.gone(lambda: [job.ref] if self.cluster.get(job.ref) else [], "it makes room for its successor")

    async def _prune(self, becomes: Record, manifests: Sequence[Manifest], waiting: Waiting) -> None:
        left = await asyncio.to_thread(superfluous, self.cluster, becomes.namespace, manifests, becomes)
        for ref in left:
            await _whole(partial(self.cluster.delete, ref))
        await waiting.gone(lambda: [ref for ref in left if self.cluster.get(ref)], "it is no longer wanted")

    def _end(self, known: Record) -> None:
        """Processes before stores, and stores asleep where their end would be the end of their data."""
        for ref in sorted(labelled(self.cluster, known.namespace, known), key=lambda ref: -Manifest(ref, {}).stage):
            self.cluster.delete(ref)
        for api_version, kind in known.kinds:
            if kind == "Cluster":
                for document in list(self.cluster.list(api_version, kind, known.namespace)):
                    self.cluster.merge(self.cluster.ref(document), ASLEEP)

    def _pods(self, namespace: str) -> list[Ref]:
        return [self.cluster.ref(one) for one in self.cluster.list("v1", "Pod", namespace)]

    async def _delete(self, namespace: str, waiting: Waiting) -> None:
        ref = Ref("v1", "Namespace", "", namespace)
        await asyncio.to_thread(self.cluster.delete, ref)
        await waiting.gone(lambda: [ref] if self.cluster.get(ref) else [], "its data are deleted")

    def _require(self, cell: str) -> Record:
        known = record.read(self.cluster, self.namespace(cell))
        if known is None:
            raise CellNotApplied(
                f"no cell {cell!r} was applied to this cluster (namespace {self.namespace(cell)}); waggle cell apply makes one"
            )
        return known


def _once(limits: MigrationLimits) -> Values:
    """The cell serves, so its database is there: what fails the first time is to be read, and keeps nobody waiting for its table again."""
    return {"attempts": 0, "lockTimeoutS": limits.lock_timeout_s, "statementTimeoutS": limits.statement_timeout_s}


async def _whole(call: Callable[[], T]) -> T:
    """On a thread. Who is cancelled waits for its end, so that nothing of it arrives after what is sent next."""
    sent = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(sent)
    except asyncio.CancelledError:
        await asyncio.wait({sent})
        raise
