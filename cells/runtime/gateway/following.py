"""A session chooses groups of its own: told to its router together with the state that brings them along when it resumes."""

from dataclasses import replace

from cells.runtime.gateway.audience import Audience
from cells.runtime.gateway.resume import SessionState, signed
from cells.runtime.gateway.session import Session
from cells.runtime.workload import Admitted, Tenant
from protos.tunnel.v1 import tunnel_pb2


def follow(audience: Audience, session: Session, groups: frozenset[str], now_us: int) -> tuple[Admitted, Admitted] | None:
    """Join and leave; what the session was and is, or None where it is open no more. Raises LinkFull."""
    before, tenant = session.admitted, session.tenant
    if before is None or tenant is None or session.closed:
        return None
    joined, left = groups - session.groups, (before.following - groups) & session.groups
    for group in joined:
        audience.join(session, group)
    for group in left:
        audience.leave(session, group)
    after = session.admitted = replace(before, following=groups)
    regroup = tunnel_pb2.Regroup(workspace_id=session.workspace_id, sessions=[session.stream], join=sorted(joined), leave=sorted(left))
    regroup.state = state_of(after, tenant, now_us)
    session.link.send(tunnel_pb2.Frame(regroup=regroup))
    return before, after


def state_of(admitted: Admitted, tenant: Tenant, now_us: int) -> bytes:
    return signed(SessionState(admitted.user_id, admitted.facts, now_us, admitted.following, admitted.subject), tenant.scope, tenant.secret)
