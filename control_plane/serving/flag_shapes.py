"""Flags as messages of admin.proto."""

from chassis.flags import WHAT_STOPS, Effect, Flag
from control_plane.registry import FlagRow
from control_plane.serving.flags import Reach, scope_of
from protos.admin.v1 import admin_pb2


def setting_shape(row: FlagRow) -> admin_pb2.FlagSetting:
    word = row.word
    return admin_pb2.FlagSetting(
        name=word.name,
        scope=scope_of(word),
        target=row.workspace or word.workspace_id or word.cell,
        on=word.on,
        reason=row.reason,
        set_by=row.set_by,
        set_at=row.set_at.isoformat().replace("+00:00", "Z"),
    )


def known_flag_shape(flag: Flag, effect: Effect) -> admin_pb2.KnownFlag:
    return admin_pb2.KnownFlag(name=flag, what=WHAT_STOPS[flag], on=effect.on, decided_by=effect.decided_by)


def reach_shape(reach: Reach) -> admin_pb2.FlagReach:
    return admin_pb2.FlagReach(version=reach.version, processes=reach.processes, behind=reach.behind, took_ms=reach.took_ms)
