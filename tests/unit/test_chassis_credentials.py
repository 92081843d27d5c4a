"""The credential file: made once, readable by its owner alone."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chassis.errors import SettingsError
from chassis.rpc import create_credential_file, credential_from_file


def test_is_made_private_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "home" / "token"
    made = create_credential_file(path)
    assert len(made) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert credential_from_file(path) == made == create_credential_file(path)
    assert list(path.parent.iterdir()) == [path]


def test_a_loose_umask_does_not_loosen_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_credential_file(tmp_path / "token")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_of_many_first_starts_one_wins(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(create_credential_file, [tmp_path / "token"] * 32))
    assert len(made) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    create_credential_file(path)
    path.chmod(mode)
    for read in (credential_from_file, create_credential_file):
        with pytest.raises(SettingsError, match=f"{path} is open to other users; allowed: mode 0600"):
            read(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
@pytest.mark.parametrize(("mode", "allowed"), [(0o440, True), (0o640, True), (0o460, False), (0o444, False), (0o450, False)])
def test_somebody_elses_file_may_reach_us_by_its_group(tmp_path: Path, mode: int, allowed: bool) -> None:
    """Kubernetes mounts a secret as root's, readable for the pod's group, and cannot do otherwise for a process that is not root."""
    path = tmp_path / "token"
    made = create_credential_file(path)
    os.chown(path, 12345, -1)
    path.chmod(mode)
    if allowed:
        assert credential_from_file(path) == made
    else:
        with pytest.raises(SettingsError, match="is open to other users"):
            credential_from_file(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"short\n", b"a" * 20 + b"\n" + b"b" * 20, b"with a space in it, long", b"\xff" * 40])
def test_a_file_without_a_credential_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=str(path)):
        credential_from_file(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        credential_from_file(tmp_path / "token")
