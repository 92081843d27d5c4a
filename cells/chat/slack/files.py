"""files.*: uploads in three steps and in one, looking, taking back, showing to the world."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound, NotInChannel
from cells.chat.domain.files.completing import CompleteUpload, Sharing
from cells.chat.domain.files.errors import (
    AltTextTooLarge,
    CantDeleteFile,
    FileDeleted,
    FileNotFound,
    FileTooLarge,
    FileUpdateFailed,
    InvalidThreadTs,
    NoFileData,
    NotAllowed,
    PostContentsTooLarge,
    SnippetTooLarge,
    TooManyChannels,
    UnknownSnippetType,
    UnknownType,
    UploadsDisabled,
)
from cells.chat.domain.files.events import Site, file_face
from cells.chat.domain.files.file import File
from cells.chat.domain.files.repository import Files, Shares, Texts, Wanted
from cells.chat.domain.files.service import DeleteFile, MakePublic, RevokePublic, Viewer, require_seen
from cells.chat.domain.files.types import snippet_type
from cells.chat.domain.files.uploading import OpenUpload
from cells.chat.domain.messages.errors import BlocksTooLong, InvalidBlocks, InvalidBlocksFormat
from cells.chat.domain.plans.errors import StorageLimitExceeded
from cells.chat.domain.timestamps import read_ts
from cells.chat.files.capabilities import read_capability
from cells.chat.files.intake import Intake
from cells.chat.files.spooling import PURPOSE as SPOOLED
from cells.chat.files.uploading import upload_address
from cells.chat.slack.arguments import Nested
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.destinations import destination
from cells.chat.slack.drafts import checked_blocks
from cells.chat.slack.errors import InvalidArguments
from cells.chat.slack.registry import Method, Tier
from chassis.flags import Flag
from chassis.identity import ChannelId

CHANNELS_MAX = 100
FILES_MAX = 100
NAME_LENGTH_MAX = 255
ALT_LENGTH_MAX = 1000
SNIPPET_BYTES_MAX = 1 << 20
CONTENT_SHOWN_MAX = 50_000
COUNT_DEFAULT, COUNT_MAX = 100, 1000
PAGE_MAX = 10_000
EVER_US = (1 << 63) - 1
KINDS = ("all", "images", "snippets", "zips", "pdfs")
NEVER_FOUND = ("spaces", "gdocs", "posts", "lists", "canvas")
"""Kinds that Slack has and no file here is of."""
_ID = re.compile(r"F[0-9A-Z]{8,20}")


class UrlArguments(msgspec.Struct):
    filename: str
    length: int
    alt_txt: str = ""
    snippet_type: str = ""


class CompleteArguments(msgspec.Struct):
    files: Nested
    channel_id: str = ""
    channels: str = ""
    initial_comment: str = ""
    thread_ts: str = ""
    blocks: Nested | None = None


class UploadArguments(msgspec.Struct):
    file: str = ""
    """What spooling puts there for the file of the form."""
    content: str = ""
    filename: str = ""
    filetype: str = ""
    title: str = ""
    channels: str = ""
    initial_comment: str = ""
    thread_ts: str = ""


class FileArguments(msgspec.Struct):
    file: str


class ListArguments(msgspec.Struct):
    channel: str = ""
    user: str = ""
    ts_from: str = ""
    ts_to: str = ""
    types: str = "all"
    count: int = COUNT_DEFAULT
    page: int = 1


class FileMethods:
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def get_upload_url(self, call: Call[UrlArguments]) -> Answer:
        arguments = call.arguments
        if arguments.length < 1:
            raise InvalidArguments("must be a whole number above 0 [json-pointer:/length]")
        if len(arguments.alt_txt) > ALT_LENGTH_MAX:
            raise AltTextTooLarge
        filetype = _snippet(arguments.snippet_type, UnknownSnippetType)
        if filetype and arguments.length > SNIPPET_BYTES_MAX:
            raise SnippetTooLarge
        name = checked_name(arguments.filename)
        opening = OpenUpload(call.bearer.user_id, name, arguments.length, arguments.alt_txt, filetype)
        file = await self._intake.open(call.tenant, opening)
        return {"upload_url": upload_address(call.tenant, site_of(call).base, file), "file_id": file.file_id}

    async def complete_upload(self, call: Call[CompleteArguments]) -> Answer:
        """Completed again it answers the same, and shares nothing twice."""
        arguments = call.arguments
        extras = {"blocks": checked_blocks(arguments.blocks)} if arguments.blocks else None
        sharing = await _sharing(call, arguments.channel_id or arguments.channels, extras)
        files = await call.tenant.commit(CompleteUpload(call.bearer.user_id, _titles(arguments.files), sharing, site_of(call)))
        return {"files": await _faces(call, files)}

    async def upload(self, call: Call[UploadArguments]) -> Answer:
        """The legacy way: everything in one call. A file in the form is in the store before this is asked."""
        arguments = call.arguments
        sharing = await _sharing(call, arguments.channels, None)
        filetype = _snippet(arguments.filetype, None)
        file_id = read_capability(call.tenant.secret, SPOOLED, arguments.file, call.clock.now_us() / 1e6)
        if file_id is None:
            file_id = await self._store_content(call, filetype)
        titles = ((file_id, arguments.title),)
        [file] = await call.tenant.commit(CompleteUpload(call.bearer.user_id, titles, sharing, site_of(call)))
        return {"file": (await _faces(call, [file]))[0]}

    async def _store_content(self, call: Call[UploadArguments], filetype: str) -> str:
        content = call.arguments.content.encode()
        if not content:
            raise NoFileData
        name = checked_name(call.arguments.filename or f"untitled.{filetype or 'txt'}")
        try:
            opening = OpenUpload(call.bearer.user_id, name, len(content), "", filetype or "text")
            file = await self._intake.open(call.tenant, opening)
        except FileTooLarge as error:
            raise PostContentsTooLarge from error
        await self._intake.receive(call.tenant, file.file_id, _once(content))
        return file.file_id


async def info(call: Call[FileArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        file = await require_seen(connection, call.tenant.scope, call.arguments.file, viewer_of(call))
        viewer = viewer_of(call)
        seen = await Shares(connection, call.tenant.scope).seen([file.file_id], viewer.user_id, sees_public=viewer.sees_public)
        text = await Texts(connection, call.tenant.scope).get(file.file_id) if file.mode == "snippet" else ""
    answer: Answer = {
        "file": file_face(file, site_of(call), seen.get(file.file_id, [])),
        "comments": [],
        "response_metadata": {"next_cursor": ""},
    }
    return answer | ({"content": text[:CONTENT_SHOWN_MAX]} if text else {})


async def list_files(call: Call[ListArguments]) -> Answer:
    """Newest first; the old paging, by number."""
    arguments = call.arguments
    count = COUNT_DEFAULT if arguments.count < 1 else min(arguments.count, COUNT_MAX)
    page = min(max(1, arguments.page), PAGE_MAX)
    wanted = Wanted(
        viewer_id=call.bearer.user_id,
        sees_public=viewer_of(call).sees_public,
        user_id=arguments.user,
        channel_id=arguments.channel,
        from_us=read_ts(arguments.ts_from) or 0,
        to_us=_until(arguments.ts_to),
        kinds=_kinds(arguments.types),
        limit=count,
        offset=(page - 1) * count,
    )
    async with call.tenant.reading() as connection:
        files, total = await Files(connection, call.tenant.scope).page(wanted)
    paging = {"count": count, "total": total, "page": page, "pages": -(-total // count)}
    return {"files": await _faces(call, files), "paging": paging}


async def delete(call: Call[FileArguments]) -> Answer:
    await call.tenant.commit(DeleteFile(call.arguments.file, viewer_of(call)))
    return {}


async def share_public(call: Call[FileArguments]) -> Answer:
    file = await call.tenant.commit(MakePublic(call.arguments.file, viewer_of(call)))
    return {"file": (await _faces(call, [file]))[0]}


async def revoke_public(call: Call[FileArguments]) -> Answer:
    file = await call.tenant.commit(RevokePublic(call.arguments.file, viewer_of(call)))
    return {"file": (await _faces(call, [file]))[0]}


def viewer_of(call: Call[Any]) -> Viewer:
    return Viewer(call.bearer.user_id, call.bearer.role)


def site_of(call: Call[Any]) -> Site:
    return Site(call.origin.base, call.team_id)


def checked_name(given: str) -> str:
    """The last part of a path, without control characters, at most NAME_LENGTH_MAX."""
    name = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = "".join(letter for letter in name if letter.isprintable()).strip()
    return name[:NAME_LENGTH_MAX] or "untitled"


async def _faces(call: Call[Any], files: Sequence[File]) -> list[Answer]:
    """With the places where the caller may know that they are shared."""
    viewer = viewer_of(call)
    async with call.tenant.reading() as connection:
        repository = Shares(connection, call.tenant.scope)
        shares = await repository.seen([file.file_id for file in files], viewer.user_id, sees_public=viewer.sees_public)
    return [file_face(file, site_of(call), shares.get(file.file_id, [])) for file in files]


async def _sharing(call: Call[Any], channels: str, extras: dict[str, Any] | None) -> Sharing:
    named = list(dict.fromkeys(name.strip() for name in channels.split(",") if name.strip()))
    if len(named) > CHANNELS_MAX:
        raise TooManyChannels
    ids: tuple[ChannelId, ...] = tuple([await destination(call.tenant, call.bearer.user_id, name) for name in named])
    bearer, arguments = call.bearer, call.arguments
    return Sharing(ids, arguments.initial_comment, extras, _thread_of(arguments.thread_ts), bearer.bot_id, bearer.app_id)


def _thread_of(thread_ts: str) -> int | None:
    if not thread_ts:
        return None
    thread_us = read_ts(thread_ts)
    if thread_us is None:
        raise InvalidThreadTs
    return thread_us


def _titles(files: Nested) -> tuple[tuple[str, str], ...]:
    """`[{"id": …, "title": …}]`, each file once."""
    if not isinstance(files, list) or not 0 < len(files) <= FILES_MAX or not all(isinstance(file, dict) for file in files):
        raise InvalidArguments(f"must be an array of 1 to {FILES_MAX} objects [json-pointer:/files]")
    titles: dict[str, str] = {}
    for file in files:
        file_id, title = file.get("id"), file.get("title") or ""
        if not isinstance(file_id, str) or not isinstance(title, str) or "\x00" in title:
            raise InvalidArguments("each must have the id, and may have the title, of a file [json-pointer:/files]")
        if not _ID.fullmatch(file_id):
            raise FileNotFound
        titles[file_id] = title[:NAME_LENGTH_MAX]
    return tuple(titles.items())


def _snippet(word: str, refusal: type[UnknownSnippetType] | None) -> str:
    """Empty where none was named; a legacy upload passes over what it does not know."""
    if not word or word == "auto":
        return ""
    found = snippet_type(word)
    if found is None and refusal is not None:
        raise refusal
    return found or ""


def _kinds(types: str) -> tuple[str, ...]:
    words = [word.strip() for word in types.split(",") if word.strip()]
    if any(word not in KINDS and word not in NEVER_FOUND for word in words):
        raise UnknownType
    return () if "all" in words or not words else tuple(words)


def _until(ts_to: str) -> int:
    """`now`, or nothing: no end."""
    return read_ts(ts_to) or EVER_US


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


_SHARES = (ChannelNotFound, NotInChannel, ChannelArchived, InvalidThreadTs, TooManyChannels)
_OPENS = (UploadsDisabled, AltTextTooLarge, UnknownSnippetType, SnippetTooLarge, FileTooLarge, StorageLimitExceeded)
_BLOCKS = (InvalidBlocks, InvalidBlocksFormat, BlocksTooLong)
_WRITE, _READ = ("files:write",), ("files:read",)
_SEES = (FileNotFound, FileDeleted)
_OFF: Any = {"flag": Flag.FILES, "off": UploadsDisabled}


def methods(intake: Intake) -> tuple[Method, ...]:
    files = FileMethods(intake)
    complete_errors = (FileNotFound, FileUpdateFailed, *_BLOCKS, *_SHARES)
    upload_errors = (UploadsDisabled, NoFileData, PostContentsTooLarge, StorageLimitExceeded, *_SHARES)
    return (
        Method("files.getUploadURLExternal", files.get_upload_url, Tier.FOUR, UrlArguments, _WRITE, _OPENS, **_OFF),
        Method("files.completeUploadExternal", files.complete_upload, Tier.FOUR, CompleteArguments, _WRITE, complete_errors, **_OFF),
        Method("files.upload", files.upload, Tier.TWO, UploadArguments, _WRITE, upload_errors, **_OFF),
        Method("files.info", info, Tier.FOUR, FileArguments, _READ, _SEES),
        Method("files.list", list_files, Tier.THREE, ListArguments, _READ, (UnknownType,)),
        Method("files.delete", delete, Tier.THREE, FileArguments, _WRITE, (*_SEES, CantDeleteFile)),
        Method("files.sharedPublicURL", share_public, Tier.THREE, FileArguments, _WRITE, (*_SEES, NotAllowed)),
        Method("files.revokePublicURL", revoke_public, Tier.THREE, FileArguments, _WRITE, _SEES),
    )
