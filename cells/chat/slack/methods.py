"""Every method that is served."""

from collections.abc import Mapping

from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.searching.finding import Library
from cells.chat.files.intake import Intake
from cells.chat.files.settings import FileSettings
from cells.chat.files.store import open_store
from cells.chat.slack import (
    api,
    bookmarks,
    changing,
    chat,
    conversations,
    counts,
    directs,
    dnd,
    ephemerals,
    files,
    history,
    inviting,
    marks,
    permalinks,
    pins,
    presence,
    profiles,
    reactions,
    reminders,
    rtm,
    scheduling,
    search,
    streams,
    unfurls,
    usergroups,
)
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.guarding import Guarding, Unguarded
from cells.chat.slack.people import People
from cells.chat.slack.registry import Method, registry_of
from chassis.clock import SystemClock

NOWHERE = FileSettings()


def all_methods(
    remembered: counts.Remembering = counts.FORGETFUL,
    presences: Presences | None = None,
    intake: Intake | None = None,
    guard: Guarding | None = None,
    people: People | None = None,
    library: Library | None = None,
) -> Mapping[str, Method]:
    guard, presences = guard or Unguarded(), presences or Presences(SystemClock())
    return registry_of(
        api.METHODS,
        (people or People(Bearers(SystemClock()))).methods(),
        profiles.METHODS,
        presence.methods(presences),
        dnd.METHODS,
        usergroups.METHODS,
        conversations.METHODS,
        inviting.METHODS,
        changing.METHODS,
        directs.METHODS,
        pins.METHODS,
        bookmarks.METHODS,
        marks.METHODS,
        counts.methods(remembered),
        files.methods(intake or Intake(open_store(NOWHERE), NOWHERE)),
        history.METHODS,
        chat.methods(guard, presences),
        ephemerals.METHODS,
        permalinks.METHODS,
        scheduling.methods(guard),
        streams.methods(guard),
        unfurls.METHODS,
        reactions.METHODS,
        reminders.METHODS,
        rtm.METHODS,
        search.methods(library, remembered),
    )
