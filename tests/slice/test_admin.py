"""Admin, from the wire to the database, with a cell that answers as told."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import grpc
import pytest

from chassis.rpc import channel
from control_plane.registry import open_registry
from control_plane.registry.states import WorkspaceState
from protos.admin.v1 import admin_pb2, admin_pb2_grpc
from protos.directory.v1 import directory_pb2
from tests.harness.control import ControlPlane, FakeCell, running_cell, running_control_plane
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
async def control(control_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(control_database.app_url, tmp_path) as running:
        yield running


@pytest.fixture
async def cell(control: ControlPlane) -> AsyncIterator[FakeCell]:
    fake = FakeCell()
    async with running_cell(fake, control.credential) as address:
        await control.heartbeat("cell-1", address)
        yield fake


async def refusal(call: grpc.aio.UnaryUnaryCall) -> tuple[grpc.StatusCode, str]:  # type: ignore[type-arg]
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value.code(), raised.value.details() or ""


async def outcomes(control: ControlPlane) -> list[tuple[str, str, str, str]]:
    entries = (await control.admin.ListAudit(admin_pb2.ListAuditRequest())).entries
    return [(entry.actor, entry.action, entry.target, entry.outcome) for entry in entries]


async def test_creation_answers_with_place_and_tokens_and_leaves_an_audit_row(control: ControlPlane, cell: FakeCell) -> None:
    made = await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme", owner_email="ann@acme.example"))

    assert (made.name, made.cell, made.epoch, made.state) == ("acme", "cell-1", 1, "active")
    assert made.url == "http://127.0.0.1:8080/w/acme/"
    assert dict(made.tokens) == {"owner": "xoxp-1", "bot": "xoxb-1"}
    assert made.reason == "cell-1: the only cell that is active and has room"
    assert cell.calls == [("admit", made.workspace_id)]
    assert await outcomes(control) == [("cluster", "workspace.create", "acme", f"ok: {made.workspace_id} in cell-1")]
    by_id = await control.admin.ShowWorkspace(admin_pb2.WorkspaceRef(workspace=made.workspace_id))
    assert by_id.name == "acme" and not by_id.tokens


async def test_a_taken_name_is_refused_and_the_refusal_audited(control: ControlPlane, cell: FakeCell) -> None:
    await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme"))

    refused = await refusal(control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme")))

    assert refused == (grpc.StatusCode.ALREADY_EXISTS, "there is a workspace 'acme' already (it is active)")
    assert (await outcomes(control))[0][3] == f"refused: ALREADY_EXISTS: {refused[1]}"
    assert len(cell.calls) == 1


@pytest.mark.parametrize("name", ["", "Acme", "-acme", "acme-", "a" * 22, "ac me", "akmé", "acme\n", "api"])
async def test_names_that_are_not_allowed_are_refused_before_anything_is_done(control: ControlPlane, cell: FakeCell, name: str) -> None:
    status, line = await refusal(control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name=name)))

    assert status == grpc.StatusCode.INVALID_ARGUMENT
    assert "allowed are" in line or "reserved are" in line
    assert cell.calls == []


async def test_without_a_cell_that_fits_creation_is_refused_with_the_sentence(control: ControlPlane, cell: FakeCell) -> None:
    order = admin_pb2.CreateWorkspaceRequest(name="acme", region="mars")

    assert await refusal(control.admin.CreateWorkspace(order)) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "no cell is in region 'mars'; there are cells in: local",
    )
    assert cell.calls == []


@pytest.mark.parametrize("credential", ["wrong-credential-000", "wadm-" + "0" * 64])
async def test_without_a_credential_nothing_is_done(control: ControlPlane, cell: FakeCell, credential: str) -> None:
    async with channel(control.address, credential) as stranger:
        asked = admin_pb2_grpc.AdminStub(stranger).CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme"))
        status, _ = await refusal(asked)

    assert status == grpc.StatusCode.UNAUTHENTICATED
    assert cell.calls == [] and await outcomes(control) == []


async def test_an_admin_token_opens_admin_under_its_own_name_and_nothing_else(
    control: ControlPlane, cell: FakeCell, control_database: FreshDatabase
) -> None:
    async with open_registry(control_database.app_url) as registry:
        token = await registry.tokens.insert("ann")
    async with channel(control.address, token) as anns:
        await admin_pb2_grpc.AdminStub(anns).CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme"))
        beat = directory_pb2.HeartbeatRequest(cell="cell-9")
        heartbeat = anns.unary_unary(
            "/protos.directory.v1.Registration/Heartbeat",
            request_serializer=directory_pb2.HeartbeatRequest.SerializeToString,
            response_deserializer=directory_pb2.HeartbeatReply.FromString,
        )
        assert (await refusal(heartbeat(beat)))[0] == grpc.StatusCode.UNAUTHENTICATED

    ((actor, action, target, outcome),) = await outcomes(control)
    assert (actor, action, target, outcome[:4]) == ("token:ann", "workspace.create", "acme", "ok: ")


async def test_a_crash_between_row_and_admission_is_finished_at_the_next_start(control_database: FreshDatabase, tmp_path: Path) -> None:
    fake = FakeCell(refuse=(grpc.StatusCode.UNAVAILABLE, "not yet"))
    async with running_control_plane(control_database.app_url, tmp_path) as control, running_cell(fake, control.credential) as address:
        await control.heartbeat("cell-1", address)
        status, line = await refusal(control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme")))
        assert status == grpc.StatusCode.UNAVAILABLE and "will be finished" in line
        left = await control.admin.ShowWorkspace(admin_pb2.WorkspaceRef(workspace="acme"))
        assert left.state == "creating"
        resolved = await control.directory.Resolve(directory_pb2.ResolveRequest(subdomain="acme"))
        assert not resolved.found
    fake.refuse = None

    async with (
        running_cell(fake, control.credential, port=int(address.rsplit(":", 1)[1])),
        running_control_plane(control_database.app_url, tmp_path) as again,
    ):

        async def routed() -> bool:
            return (await again.directory.Resolve(directory_pb2.ResolveRequest(subdomain="acme"))).found

        assert await eventually(routed)
        assert (await again.admin.ShowWorkspace(admin_pb2.WorkspaceRef(workspace="acme"))).state == "active"
    assert set(fake.tenancies) == {left.workspace_id}


async def test_a_crash_between_admission_and_the_second_row_is_finished_without_admitting_twice(
    control_database: FreshDatabase, tmp_path: Path
) -> None:
    fake = FakeCell()
    async with running_control_plane(control_database.app_url, tmp_path) as control, running_cell(fake, control.credential) as address:
        await control.heartbeat("cell-1", address)
        made = await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme"))
    await as_if_it_had_crashed_after_admission(control_database)

    async with (
        running_cell(fake, control.credential, port=int(address.rsplit(":", 1)[1])),
        running_control_plane(control_database.app_url, tmp_path) as again,
    ):

        async def active() -> bool:
            return (await again.admin.ShowWorkspace(admin_pb2.WorkspaceRef(workspace="acme"))).state == "active"

        assert await eventually(active)
    assert set(fake.tenancies) == {made.workspace_id}


async def as_if_it_had_crashed_after_admission(database: FreshDatabase) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute("UPDATE workspaces SET state = $1, version = 0", WorkspaceState.CREATING.value)
    await connection.close()


async def test_a_cell_that_says_no_leaves_no_row_behind(control: ControlPlane, cell: FakeCell) -> None:
    cell.refuse = (grpc.StatusCode.INVALID_ARGUMENT, "owner_email is not an address")

    status, line = await refusal(control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme")))

    assert (status, line) == (grpc.StatusCode.INVALID_ARGUMENT, "cell-1: owner_email is not an address")
    assert (await refusal(control.admin.ShowWorkspace(admin_pb2.WorkspaceRef(workspace="acme"))))[0] == grpc.StatusCode.NOT_FOUND


async def test_suspension_reaches_the_cell_and_the_routes_and_goes_back(control: ControlPlane, cell: FakeCell) -> None:
    made = await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme"))
    acme = admin_pb2.WorkspaceRef(workspace="acme")

    assert (await control.admin.SuspendWorkspace(acme)).state == "suspended"
    assert cell.tenancies[made.workspace_id].state == "suspended"
    await eventually(lambda: route_state(control, "suspended"))
    assert (await control.admin.SuspendWorkspace(acme)).state == "suspended"

    assert (await control.admin.ResumeWorkspace(acme)).state == "active"
    assert cell.tenancies[made.workspace_id].state == "active"
    await eventually(lambda: route_state(control, "active"))


async def route_state(control: ControlPlane, expected: str) -> bool:
    return (await control.directory.Resolve(directory_pb2.ResolveRequest(subdomain="acme"))).route.state == expected


async def test_a_suspension_that_the_cell_slept_through_is_finished_later(control: ControlPlane, cell: FakeCell) -> None:
    await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme"))
    acme = admin_pb2.WorkspaceRef(workspace="acme")
    cell.refuse = (grpc.StatusCode.UNAVAILABLE, "asleep")
    assert (await refusal(control.admin.SuspendWorkspace(acme)))[0] == grpc.StatusCode.UNAVAILABLE
    assert (await control.admin.ShowWorkspace(acme)).state == "suspending"
    cell.refuse = None

    async def suspended() -> bool:
        return (await control.admin.ShowWorkspace(acme)).state == "suspended"

    assert await eventually(suspended)


async def test_commands_reach_the_cell_and_its_words_become_statuses(control: ControlPlane, cell: FakeCell) -> None:
    await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme"))

    def command(email: str, name: str = "user.add") -> admin_pb2.CommandRequest:
        return admin_pb2.CommandRequest(workspace="acme", name=name, arguments=f'{{"email": "{email}"}}')

    reply = await control.admin.Command(command("bob@acme.example"))
    assert reply.result == '{"user_id": "U1", "email": "bob@acme.example", "token": "xoxp-2"}'
    assert await refusal(control.admin.Command(command("taken@acme.example"))) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "already_in_team: taken@acme.example is a member",
    )
    assert (await refusal(control.admin.Command(command("x@y.z", "rm -rf"))))[0] == grpc.StatusCode.INVALID_ARGUMENT
    garbage = admin_pb2.CommandRequest(workspace="acme", name="user.add", arguments="[1]")
    assert await refusal(control.admin.Command(garbage)) == (grpc.StatusCode.INVALID_ARGUMENT, "arguments are not a JSON object")


async def test_a_new_cell_is_wished_for_and_lives_from_its_first_heartbeat(control: ControlPlane) -> None:
    made = await control.admin.CreateCell(admin_pb2.CreateCellRequest())
    assert (made.name, made.state) == ("cell-1", "provisioning")
    assert [wish.name for wish in control.provisioner.wishes][:1] == ["cell-1"]

    await control.heartbeat("cell-1", "127.0.0.1:9")

    shown = await control.admin.ShowCell(admin_pb2.CellRef(name="cell-1"))
    assert (shown.state, shown.healthy) == ("active", True)
    assert (await refusal(control.admin.CreateCell(admin_pb2.CreateCellRequest(name="cell-1"))))[0] == grpc.StatusCode.ALREADY_EXISTS


async def test_a_provisioner_that_refuses_is_heard(control: ControlPlane) -> None:
    control.provisioner.broken = True

    refused = await refusal(control.admin.CreateCell(admin_pb2.CreateCellRequest(name="cell-7")))

    assert refused == (grpc.StatusCode.FAILED_PRECONDITION, "this machine is full")
    assert (await control.admin.ShowCell(admin_pb2.CellRef(name="cell-7"))).state == "retired"


async def test_pages_of_workspaces_follow_one_another(control: ControlPlane, cell: FakeCell) -> None:
    for name in ("c", "a", "b"):
        await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name=name))

    first = await control.admin.ListWorkspaces(admin_pb2.ListWorkspacesRequest(limit=2))
    second = await control.admin.ListWorkspaces(admin_pb2.ListWorkspacesRequest(limit=2, after=first.next))

    assert [row.name for row in (*first.workspaces, *second.workspaces)] == ["a", "b", "c"]
    assert (first.next, second.next) == ("b", "")
    too_many = admin_pb2.ListWorkspacesRequest(limit=1001)
    assert (await refusal(control.admin.ListWorkspaces(too_many)))[0] == grpc.StatusCode.INVALID_ARGUMENT


async def test_status_counts_what_there_is(control: ControlPlane, cell: FakeCell) -> None:
    await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme"))

    found = await control.admin.Status(admin_pb2.StatusRequest())

    assert (found.workspaces, [each.name for each in found.cells]) == (1, ["cell-1"])
