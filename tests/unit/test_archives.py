"""Zip files that somebody hands in: what could hurt is refused, what is broken is named, and memory stays small."""

import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from control_plane.cli.archives.batches import batches, check_export, stretches
from control_plane.cli.archives.elements import Broken, elements
from control_plane.cli.archives.opening import BadArchive, open_archive

Fill = Callable[[zipfile.ZipFile], None]


def a_zip(path: Path, **entries: object) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content if isinstance(content, str | bytes) else json.dumps(content))
    return path


def _named(name: str) -> Fill:
    return lambda archive: archive.writestr(name, "[]")


def _bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("dev/2020-01-01.json", b" " * (64 << 20), zipfile.ZIP_DEFLATED)


def _link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("dev/2020-01-01.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc/passwd")


def _twice(archive: zipfile.ZipFile) -> None:
    archive.writestr("dev/1.json", "[]")
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("dev/1.json", "[1]")


def _over_one_another(archive: zipfile.ZipFile) -> None:
    archive.writestr("dev/1.json", "[]" * 100)
    archive.writestr("dev/2.json", "[]")
    archive.infolist()[1].header_offset = archive.infolist()[0].header_offset


def _encrypted(archive: zipfile.ZipFile) -> None:
    archive.writestr("dev/1.json", "[]")
    archive.infolist()[0].flag_bits |= 0x1


@pytest.mark.parametrize(
    ("fill", "says"),
    [
        (_named("../../etc/cron.d/x"), "would leave its folder"),
        (_named("dev/../../x.json"), "would leave its folder"),
        (_named("/etc/passwd"), "would leave its folder"),
        (_named("..\\x.json"), "would leave its folder"),
        (_named("C:\\x.json"), "would leave its folder"),
        (_bomb, "zip bomb"),
        (_over_one_another, "zip bomb"),
        (_link, "is a link"),
        (_twice, "stands in it twice"),
        (_encrypted, "encrypted"),
    ],
)
def test_what_could_hurt_is_refused_before_anything_is_read(tmp_path: Path, fill: Fill, says: str) -> None:
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("channels.json", "[]")
        fill(archive)
    with pytest.raises(BadArchive, match=says), open_archive(path):
        pass


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100, b"PK\x05\x06" + b"\x00" * 18 + b"x"])
def test_what_is_no_zip_file_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(BadArchive), open_archive(path) as archive:
        check_export(archive)


def test_a_zip_of_something_else_is_no_export(tmp_path: Path) -> None:
    with open_archive(a_zip(tmp_path / "x.zip", **{"holiday.json": []})) as archive, pytest.raises(BadArchive, match="no Slack export"):
        check_export(archive)


def test_an_export_packed_with_its_folder_around_it(tmp_path: Path) -> None:
    entries = {"my/users.json": [{"id": "U1"}], "my/channels.json": [], "my/dev/2020-01-01.json": [{"ts": "1"}], "__MACOSX/my/._x": "x"}
    with open_archive(a_zip(tmp_path / "x.zip", **entries)) as archive:
        check_export(archive)
        assert [(each.kind, each.folder) for each in stretches(archive)] == [("users", ""), ("channels", ""), ("messages", "dev")]


def test_batches_go_on_from_any_place(tmp_path: Path) -> None:
    """From wherever one begins: what is left, each item once, kinds never mixed."""
    entries: dict[str, object] = {"users.json": [{"id": n} for n in range(250)], "channels.json": [{"name": n} for n in range(60)]}
    entries |= {f"dev/2020-01-{day:02}.json": [{"ts": f"{day}.{n}"} for n in range(70)] for day in range(1, 31)}
    with open_archive(a_zip(tmp_path / "x.zip", **entries)) as archive:
        whole = list(batches(archive, (0, 0)))
        assert all(len({part.kind for part in batch.slices}) <= 1 for batch in whole)
        items = [item for batch in whole for part in batch.slices for item in part.items]
        assert len(items) == 250 + 60 + 2_100 == len(set(items))
        for number, batch in enumerate(whole):
            start = getattr(batch, "from")
            rest = list(batches(archive, (start.entry, start.line)))
            assert [each.slices for each in rest] == [each.slices for each in whole[number:]]
        assert list(batches(archive, (whole[-1].to.entry, 0))) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"[]", []),
        (b'\xef\xbb\xbf [ {"a": 1} , {"b": "]"} ]', [b'{"a": 1}', b'{"b": "]"}']),
        (b'["\xff"]', ['"\ufffd"'.encode()]),
        (b"{}", None),
        (b"", None),
        (b'[{"a": 1}, {"b"', None),
        (b"[" * 100_000, None),
        (b'[{"a": ' + b"[" * 100_000 + b"]", None),
    ],
)
def test_elements_of_an_array(content: bytes, found: list[bytes] | None) -> None:
    if found is not None:
        assert list(elements(io.BytesIO(content))) == found
        return
    with pytest.raises(Broken):
        list(elements(io.BytesIO(content)))


class _Endless(io.BytesIO):
    """A string that never ends."""

    given = 0

    def read(self, size: int | None = -1) -> bytes:
        self.given += size or 0
        return b'["' if self.given == size else b"x" * (size or 0)


def test_an_element_without_an_end_is_given_up_before_it_fills_memory() -> None:
    endless = _Endless()
    with pytest.raises(Broken):
        list(elements(endless))
    assert endless.given < 16 << 20
