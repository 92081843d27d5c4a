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
    full = overlaid(given, {"name": str(spec.name), "region": region, "image": {**digest, **({"tag": tag} if tag else {})}})
    return Record(spec.name, place.namespace, "applying", place.chart, full)
