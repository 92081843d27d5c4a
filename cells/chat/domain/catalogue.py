"""All of chat's tables, for the runtime that moves, checks and isolates them."""

from sqlalchemy import MetaData

from cells.chat.domain.audits import tables as audits
from cells.chat.domain.bookmarks import tables as bookmarks
from cells.chat.domain.bots import tables as bots
from cells.chat.domain.channels import tables as channels
from cells.chat.domain.emoji import tables as emoji
from cells.chat.domain.files import tables as files
from cells.chat.domain.imports import tables as imports
from cells.chat.domain.invitations import tables as invitations
from cells.chat.domain.members import tables as members
from cells.chat.domain.mentions import tables as mentions
from cells.chat.domain.messages import tables as messages
from cells.chat.domain.photos import tables as photos
from cells.chat.domain.pins import tables as pins
from cells.chat.domain.plans import tables as plans
from cells.chat.domain.prefs import tables as prefs
from cells.chat.domain.presence import tables as presence
from cells.chat.domain.reactions import tables as reactions
from cells.chat.domain.reminders import tables as reminders
from cells.chat.domain.retention import tables as retention
from cells.chat.domain.scheduled import tables as scheduled
from cells.chat.domain.searching import tables as searching
from cells.chat.domain.signin import tables as signin
from cells.chat.domain.stars import tables as stars
from cells.chat.domain.tables import CHAT
from cells.chat.domain.teams import tables as teams
from cells.chat.domain.tokens import tables as tokens
from cells.chat.domain.usergroups import tables as usergroups
from cells.chat.domain.users import tables as users
from cells.chat.domain.versions import tables as versions

NOUNS = (
    teams,
    users,
    bots,
    tokens,
    channels,
    members,
    messages,
    reactions,
    mentions,
    usergroups,
    presence,
    versions,
    scheduled,
    reminders,
    plans,
    pins,
    bookmarks,
    signin,
    invitations,
    audits,
    prefs,
    stars,
    emoji,
    photos,
    files,
    imports,
    searching,
    retention,
)


def chat_tables() -> MetaData:
    """Complete, because every noun's tables are imported here."""
    return CHAT
