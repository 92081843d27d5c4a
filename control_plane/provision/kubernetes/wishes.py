"""What a cell is to be, from what was asked now and what was applied last. Pure."""

from dataclasses import dataclass

from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec
from control_plane.provision.kubernetes.chart import Values, overlaid
from control_plane.provision.kubernetes.manifests import Manifest
from control_plane.provision.kubernetes.record import Record

REGION_DEFAULT = "local"
OURS: Values = {"namespace": {"create": True}}
"""Laid beneath everybody's: a namespace of its own for each cell."""


@dataclass(frozen=True, slots=True)
class Wish:
    known: Record | None
    """What was applied before."""
    wanted: Record
    manifests: tuple[Manifest, ...]


def wanted(spec: CellSpec, values: Values | None, version: str, known: Record | None, place: Record) -> Record:
    """`place` with the values that count. Without values those applied last stay; so does the version, until another is named.

    Who names the version that ran before gets that very image back.

    Raises ProvisionError for a cell that stands in another region.
    """
    given = overlaid(OURS, overlaid(place.values, values if values is not None else known.values if known else {}))
    region = spec.region or (known.region if known else "") or str(given.get("region") or REGION_DEFAULT)
    if known and known.region not in ("", region):
        raise ProvisionError(f"cell {spec.name!r} exists in region {known.region!r}")
    image = given.get("image") or {}
    named = version or spec.version
    tag = named or image.get("tag") or (known.version if known else "")
    digest = {"digest": ""} if named else {}  # one would stand in for the version
    back = known.before if known and named and known.before.get("tag") == named else None
    chosen = back or {**digest, **({"tag": tag} if tag else {})}
    full = overlaid(given, {"name": str(spec.name), "region": region, "image": chosen})
    return Record(spec.name, place.namespace, "applying", place.chart, full, before=_before(known, full))


def _before(known: Record | None, becomes: Values) -> Values:
    """The image there is now, unless it stays, or never became whole."""
    if known is None:
        return {}
    now: Values = known.values.get("image") or {}
    return known.before if known.state != "applied" or now == becomes.get("image") else dict(now)
