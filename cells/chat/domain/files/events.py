"""A file as Slack shows it (https://api.slack.com/types/file), and what is announced about files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.files.file import File, FileState, Scan, Share, Thumb
from cells.chat.domain.files.types import pretty_type
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event

SQUARE = (64, 80, 160)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the workspace's files are found from outside."""

    base: str
    """Scheme and host, as the client came."""
    team_id: str

    def of(self, file: File, *rest: str) -> str:
        return "/".join((self.base, "files", self.team_id, file.file_id, *(quote(part, safe="") for part in rest)))


def file_face(file: File, site: Site, shares: Sequence[Share] | None = None) -> dict[str, Any]:
    """With `shares` also where it was shared; inside a message Slack leaves that out."""
    if file.state is FileState.DELETED:
        return tombstone(file.file_id)
    face: dict[str, Any] = {
        "id": file.file_id,
        "created": file.created_us // 1_000_000,
        "timestamp": file.created_us // 1_000_000,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": file.filetype,
        "pretty_type": pretty_type(file.filetype),
        "user": file.user_id,
        "user_team": site.team_id,
        "editable": file.mode == "snippet",
        "size": file.size,
        "mode": file.mode,
        "is_external": False,
        "external_type": "",
        "public_url_shared": bool(file.public_secret),
        "display_as_bot": False,
        "username": "",
        "has_rich_preview": False,
        "file_access": "visible",
    }
    if file.alt_txt:
        face["alt_txt"] = file.alt_txt
    face |= _addresses(file, site) if not file.scan.withheld else {"file_access": _withheld(file.scan)}
    if shares is not None:
        face |= _sharing(shares)
    return face


def tombstone(file_id: str) -> dict[str, Any]:
    """What stays in a message of a file that was deleted."""
    return {"id": file_id, "mode": "tombstone"}


def _addresses(file: File, site: Site) -> dict[str, Any]:
    face: dict[str, Any] = {
        "url_private": site.of(file, file.name),
        "url_private_download": site.of(file, "download", file.name),
        "permalink": site.of(file, "view", file.name),
        "is_starred": False,
    }
    if file.public_secret:
        face["permalink_public"] = site.of(file, "public", file.public_secret)
    if file.preview:
        face |= {"preview": file.preview, "preview_is_truncated": len(file.preview.encode()) < file.size}
    if file.media.width:
        face |= {"original_w": file.media.width, "original_h": file.media.height}
    for edge, thumb in file.media.thumbs.items():
        face |= _thumb(file, site, edge, thumb)
    return face


def _thumb(file: File, site: Site, edge: str, thumb: Thumb) -> dict[str, Any]:
    stem = file.name.rpartition(".")[0] or file.name
    face: dict[str, Any] = {f"thumb_{edge}": site.of(file, f"thumb_{edge}", f"{stem}_{edge}.{thumb.mimetype.rpartition('/')[2]}")}
    if int(edge) not in SQUARE:
        face |= {f"thumb_{edge}_w": thumb.width, f"thumb_{edge}_h": thumb.height}
    return face


def _withheld(scan: Scan) -> str:
    return "quarantined" if scan is Scan.INFECTED else "being_scanned"


def _sharing(shares: Sequence[Share]) -> dict[str, Any]:
    """Channels by kind, each once, and the messages they were shared in."""
    public = [share for share in shares if share.kind == ChannelKind.PUBLIC]
    private = [share for share in shares if share.kind != ChannelKind.PUBLIC]
    shown = {"public": _messages(public), "private": _messages(private)}
    return {
        "is_public": bool(public),
        "channels": list(dict.fromkeys(share.channel_id for share in public)),
        "groups": list(dict.fromkeys(s.channel_id for s in private if s.kind != ChannelKind.IM)),
        "ims": list(dict.fromkeys(s.channel_id for s in private if s.kind == ChannelKind.IM)),
        "shares": {kind: by_channel for kind, by_channel in shown.items() if by_channel},
        "comments_count": 0,
    }


def _messages(shares: Sequence[Share]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for share in shares:
        place: dict[str, Any] = {"ts": show_ts(share.ts_us), "share_user_id": share.user_id}
        if share.thread_us is not None:
            place["thread_ts"] = show_ts(share.thread_us)
        found.setdefault(share.channel_id, []).append(place)
    return found


def told(kind: str, file: File, audience: Sequence[str], now_us: int, **more: str) -> Event:
    """`file_created`, `file_shared`, `file_public`, `file_change`, `file_deleted`: an id, and whoever wants more asks."""
    fields = {"type": kind, "file_id": file.file_id, "user_id": file.user_id, **more}
    if kind != "file_deleted":
        fields["file"] = {"id": file.file_id}  # type: ignore[assignment]
    return Event(kind, tuple(dict.fromkeys(audience)), payload_of({**fields, "event_ts": show_ts(now_us)}))


def audience_of(file: File, shares: Sequence[Share]) -> list[str]:
    """Whoever can see it: who put it up, and those in the channels it was shared in."""
    return [file.user_id, *dict.fromkeys(share.channel_id for share in shares)]
