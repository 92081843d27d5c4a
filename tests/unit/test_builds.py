"""Versions on this machine: folders with code of their own, refused at once where they are none."""

from pathlib import Path

import pytest

from chassis.identity import CellName
from control_plane.provision.builds import Builds
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec
from control_plane.provision.local import LocalProvisioner
from tests.harness.builds import a_build

OURS = "0.1.0"


def test_a_build_is_found_again_with_the_revisions_it_knows(tmp_path: Path) -> None:
    folder = a_build(tmp_path / "next")
    made = Builds(tmp_path).add("0.2.0", folder)
    assert made.revisions == Builds(tmp_path).require("").revisions
    assert Builds(tmp_path).require("0.2.0") == made
    assert Builds(tmp_path).add("0.2.0", folder) == made
    assert [build.version for build in Builds(tmp_path).list()] == [OURS, "0.2.0"]
    Builds(tmp_path).remove("0.2.0")
    assert [build.version for build in Builds(tmp_path).list()] == [OURS]


def test_what_is_no_build_is_refused_by_name(tmp_path: Path) -> None:
    builds, empty = Builds(tmp_path), tmp_path / "empty"
    empty.mkdir()
    refused = {
        ("../up", empty): "version '../up' is not allowed",
        (OURS, empty): f"{OURS} is the version of the code that runs this platform",
        ("2", empty): "has no code of its own",
        ("2", tmp_path / "absent"): "has no code of its own",
    }
    for (version, path), why in refused.items():
        with pytest.raises(ProvisionError, match=why):
            builds.add(version, path)
    with pytest.raises(ProvisionError, match=f"there is no build '9' here; there are {OURS} "):
        builds.require("9")


def test_a_version_is_one_code_for_ever(tmp_path: Path) -> None:
    builds = Builds(tmp_path)
    builds.add("2", a_build(tmp_path / "one"))
    with pytest.raises(ProvisionError, match="a version is one code for ever"):
        builds.add("2", a_build(tmp_path / "two"))


def test_a_cell_is_given_a_version_and_keeps_it_through_a_repeated_wish(tmp_path: Path) -> None:
    local = LocalProvisioner(tmp_path)
    local.want(CellSpec(CellName("cell-1")))
    local.builds.add("2", a_build(tmp_path / "two"))
    local.want_version(CellName("cell-1"), "2")
    local.want(CellSpec(CellName("cell-1")))
    assert local.wanted() == (CellSpec(CellName("cell-1"), version="2"),)
    local.want_version(CellName("cell-1"), OURS)
    assert local.wanted() == (CellSpec(CellName("cell-1")),), "our own code stays our own when we are replaced"
    with pytest.raises(ProvisionError, match="there is no cell 'cell-9'"):
        local.want_version(CellName("cell-9"), "2")
    with pytest.raises(ProvisionError, match="there is no build '3'"):
        local.want_version(CellName("cell-1"), "3")
