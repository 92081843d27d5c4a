"""Messages as readers get them: with what hangs under them."""

from collections.abc import Sequence

from cells.chat.domain.messages.events import message_face, thread_fields
from cells.chat.domain.messages.message import Message, Thread
from cells.chat.domain.reactions.events import reaction_face
from cells.chat.domain.reactions.reaction import Reaction
from cells.chat.slack.call import Answer


def full_face(
    message: Message, team_id: str, thread: Thread | None, reactions: Sequence[Reaction], *, with_metadata: bool = False
) -> Answer:
    """Metadata is for apps: shown to those who ask for it."""
    face = message_face(message, team_id)
    if not with_metadata:
        face.pop("metadata", None)
    if thread is not None:
        face |= thread_fields(message, thread)
    if reactions and message.deleted_us is None:
        face["reactions"] = [reaction_face(reaction) for reaction in reactions]
    return face
