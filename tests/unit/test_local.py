"""Cells wished for by file, ports kept by file, logs kept small."""

import asyncio
import json
import socket
import stat
from pathlib import Path

import pytest

from chassis.identity import CellName
from control_plane.provision.demo import ensure_demo, kept_demo
from control_plane.provision.errors import PortTaken, ProvisionError
from control_plane.provision.interface import CellSpec
from control_plane.provision.layout import Layout, Ports
from control_plane.provision.local import CELLS_MAX, LocalProvisioner
from control_plane.provision.log_limits import limit_logs
from control_plane.provision.processes import PORTS
from control_plane.provision.secret_files import kept_secret


def spec(name: str, region: str = "local") -> CellSpec:
    return CellSpec(CellName(name), region)


def test_a_wish_is_kept_and_may_be_repeated(tmp_path: Path) -> None:
    local = LocalProvisioner(tmp_path)
    for cell in (spec("cell-2", "eu"), spec("cell-1"), spec("cell-1")):
        local.want(cell)
    assert local.wanted() == (spec("cell-1"), spec("cell-2", "eu"))
    assert [path.name for path in (tmp_path / "cells" / "cell-1").iterdir()] == ["cell.json"]


def test_a_cell_that_is_wanted_no_more_keeps_its_folder(tmp_path: Path) -> None:
    local = LocalProvisioner(tmp_path)
    for cell in (spec("cell-1"), spec("cell-2")):
        local.want(cell)
    for _ in range(2):
        local.unwant(CellName("cell-1"))
    assert local.wanted() == (spec("cell-2"),)
    assert [path.name for path in (tmp_path / "cells" / "cell-1").iterdir()] == ["retired.json"]


def test_a_cell_does_not_change_its_region(tmp_path: Path) -> None:
    local = LocalProvisioner(tmp_path)
    local.want(spec("cell-1", "eu"))
    with pytest.raises(ProvisionError, match="'cell-1' exists in region 'eu'"):
        local.want(spec("cell-1", "us"))


@pytest.mark.parametrize("name", ["", "x", "../up", "Cell", "cell_1", "1cell", "cell-", "a" * 33, "a/b"])
def test_names_that_are_no_folder_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProvisionError, match="is not allowed"):
        LocalProvisioner(tmp_path).want(spec(name))


def test_cells_of_a_machine_are_bounded(tmp_path: Path) -> None:
    local = LocalProvisioner(tmp_path)
    for number in range(CELLS_MAX):
        local.want(spec(f"cell-{number}"))
    with pytest.raises(ProvisionError, match=f"at most {CELLS_MAX}"):
        local.want(spec("one-more"))


def test_a_damaged_wish_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cells" / "cell-1" / "cell.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(ProvisionError, match=r"cells/cell-1/cell\.json is not a cell description"):
        LocalProvisioner(tmp_path).wanted()


def test_ports_are_kept_from_one_start_to_the_next(tmp_path: Path) -> None:
    first = Ports(tmp_path / "ports.json").get("router")
    assert first in PORTS
    assert Ports(tmp_path / "ports.json").get("router") == first


def test_a_kept_port_that_was_taken_is_chosen_again(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        path.write_text(json.dumps({"cell-1": taken.getsockname()[1]}))
        ports = Ports(path)
        assert ports.get("cell-1") in PORTS
        with pytest.raises(PortTaken, match="the router needs it"):
            ports.require("router", taken.getsockname()[1])


def test_within_one_run_a_port_stays_although_its_own_server_listens(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    with socket.socket() as server:
        server.bind(("127.0.0.1", ports.get("cell-1")))
        server.listen()
        assert ports.get("cell-1") == server.getsockname()[1]


def test_a_damaged_port_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("[1]")
    with pytest.raises(ProvisionError, match="is damaged"):
        Ports(tmp_path / "ports.json")


def test_a_home_is_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    layout.create()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (layout.home, *layout.home.iterdir())} == {0o700}


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.password"
    assert kept_secret(path) == kept_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_over_the_limit_starts_again_and_one_is_kept(tmp_path: Path) -> None:
    (tmp_path / "small.log").write_text("x")
    big = tmp_path / "big.log"
    with big.open("a") as writer:
        writer.write("x" * 100)
        writer.flush()
        assert limit_logs(tmp_path, bytes_max=99) == ["big.log"]
        writer.write("next")
    assert (big.read_text(), (tmp_path / "big.log.1").read_text()) == ("next", "x" * 100)


def test_the_demo_is_where_the_platform_is_served_today(tmp_path: Path) -> None:
    """Another port, or TLS: what was written down when it was made is a dead address."""
    layout = Layout(tmp_path)
    layout.demo.write_text(
        json.dumps({"workspace_id": "T1", "name": "demo", "url": "http://127.0.0.1:8080/w/demo/", "tokens": {"owner": "x"}})
    )
    demo = asyncio.run(ensure_demo(layout, "nobody is asked", "https://127.0.0.1:8443"))
    assert demo.url == "https://127.0.0.1:8443/w/demo/" and demo == kept_demo(layout.demo)
    assert stat.S_IMODE(layout.demo.stat().st_mode) == 0o600
