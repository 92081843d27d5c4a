from sqlalchemy import BigInteger, Boolean, Column, Text
from sqlalchemy.dialects.postgresql import TSVECTOR

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

search_messages = tenant_table(
    "search_messages",
    CHAT,
    Column("channel_id", Text, primary_key=True),
    Column("ts_us", BigInteger, primary_key=True),
    Column("thread_us", BigInteger, nullable=False),
    Column("words", TSVECTOR, nullable=False),
)
"""A message as it is found; `thread_us` is its own time where it is no reply."""

search_files = tenant_table(
    "search_files",
    CHAT,
    Column("file_id", Text, primary_key=True),
    Column("ts_us", BigInteger, nullable=False),
    Column("words", TSVECTOR, nullable=False),
)

search_words = tenant_table("search_words", CHAT, Column("word", Text, primary_key=True))
"""Every word that was ever said here, for questions about parts of words."""

search_progress = tenant_table(
    "search_progress",
    CHAT,
    Column("engine", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("after_channel", Text, nullable=False),
    Column("after_us", BigInteger, nullable=False),
    Column("scanned", Boolean, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("documents", BigInteger, nullable=False),
    Column("home", Text, nullable=False),
)
"""How far an engine has come: in the log (`seq`), and in reading what was there before (`after_channel`, `after_us`, `scanned`);
`home` is the index that it fills."""

search_failures = tenant_table(
    "search_failures",
    CHAT,
    Column("engine", Text, primary_key=True),
    Column("document", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("failed_us", BigInteger, nullable=False),
)
"""Dead letters: documents that an engine refused, and why. The next time that the document changes it is tried again."""
