"""What is searched, and how far it is indexed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from migrations.isolation import APP_ROLE, protect_tenant_table

revision = "0009_search"
down_revision = "0008_files"
branch_labels = None
depends_on = None

TABLES = ("search_messages", "search_files", "search_words", "search_progress", "search_failures")


def upgrade() -> None:
    _tables()
    for table in TABLES:
        protect_tenant_table(table)
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    # Without a list of pending entries: flushing it would fall on whoever fills it, while everybody who posts waits.
    op.execute("CREATE INDEX search_messages_words ON search_messages USING gin (words) WITH (fastupdate = off)")
    op.execute("CREATE INDEX search_messages_time ON search_messages (workspace_id, ts_us)")
    op.execute("CREATE INDEX search_files_words ON search_files USING gin (words)")
    op.execute("CREATE INDEX search_words_parts ON search_words USING gin (word gin_trgm_ops)")
    for function, definition in FUNCTIONS.items():
        op.execute(definition)
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}")


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _words() -> sa.Column[str]:
    return sa.Column("words", TSVECTOR, nullable=False)


def _tables() -> None:
    time = sa.Column("ts_us", sa.BigInteger, primary_key=True)
    op.create_table("search_messages", _key("workspace_id"), _key("channel_id"), time, _number("thread_us"), _words())
    op.create_table("search_files", _key("workspace_id"), _key("file_id"), _number("ts_us"), _words())
    op.create_table("search_words", _key("workspace_id"), _key("word"))
    op.create_table(
        "search_progress",
        _key("workspace_id"),
        _key("engine"),
        _number("seq"),
        sa.Column("after_channel", sa.Text, nullable=False, server_default=""),
        _number("after_us"),
        sa.Column("scanned", sa.Boolean, nullable=False, server_default="false"),
        _number("generation"),
        _number("documents"),
        sa.Column("home", sa.Text, nullable=False, server_default=""),
    )
    reason = sa.Column("reason", sa.Text, nullable=False)
    op.create_table("search_failures", _key("workspace_id"), _key("engine"), _key("document"), reason, _number("failed_us"))


# Row-level security lets no condition of ours near an index unless its operator is leakproof, which @@ and LIKE are not: under
# it every search would read every row. So these functions look on the owner's behalf, each under the same condition that the
# policies have; nothing else of the tables can be reached by them. An owner that is itself bound by row-level security gets
# right answers still, slowly.
_MINE = "workspace_id = current_setting('waggle.workspace_id', true)"
_DOOR = "SECURITY DEFINER SET search_path = public, pg_temp STABLE"
_SEEN = f"""s.words @@ $1 AND s.{_MINE} AND s.ts_us BETWEEN $2 AND $3 AND s.channel_id = ANY($4)
      AND ($5 IS NULL OR s.channel_id = ANY($5) OR s.channel_id || ':' || s.thread_us = ANY($6))"""

# Better words first, and of two alike the newer: a hit is worth half as much three months later.
_SCORE = "ts_rank(s.words, %s, 1) / (1 + greatest(0, extract(epoch FROM now()) * 1000000 - s.ts_us)::float8 / 7776000000000)"

# At most `most` hits are looked at and ranked; where there are more, `total` says `most` and no hit is given: the caller asks
# for the newest or oldest instead. Dynamic SQL, so that each question is planned for its own words.
MESSAGES_FOUND = f"""
CREATE FUNCTION search_messages_found(asked tsquery, since_us bigint, until_us bigint, seen text[], with_channels text[],
  with_threads text[], ranked tsquery, direction integer, most integer, page_from integer, page_size integer)
RETURNS TABLE (total bigint, channel_id text, ts_us bigint, score double precision)
LANGUAGE plpgsql {_DOOR} SET enable_seqscan = off SET jit = off AS $$
BEGIN
  RETURN QUERY EXECUTE $q$
    WITH hits AS MATERIALIZED (
      SELECT s.ctid AS place, s.ts_us FROM search_messages s WHERE {_SEEN} LIMIT $9
    ), counted AS (SELECT count(*) AS total FROM hits), scored AS (
      SELECT r.channel_id, r.ts_us, r.score FROM (
        SELECT s.channel_id, s.ts_us, CASE WHEN $7 IS NULL THEN 0 ELSE {_SCORE % "$7"} END AS score
        FROM hits h JOIN search_messages s ON s.ctid = h.place WHERE (SELECT c.total FROM counted c) < $9
      ) r ORDER BY r.score * $8 DESC, r.ts_us * $8 DESC OFFSET $10 LIMIT $11
    )
    SELECT c.total, s.channel_id, s.ts_us, s.score FROM counted c LEFT JOIN scored s ON true
    ORDER BY s.score * $8 DESC, s.ts_us * $8 DESC
  $q$ USING asked, since_us, until_us, seen, with_channels, with_threads, ranked, direction, most, page_from, page_size;
END $$
"""  # noqa: S608 - conditions of ours

# By time alone, from one end: for words that are found so often that walking finds the next one soon.
MESSAGES_NEWEST = f"""
CREATE FUNCTION search_messages_newest(asked tsquery, since_us bigint, until_us bigint, seen text[], with_channels text[],
  with_threads text[], ranked tsquery, direction integer, most integer)
RETURNS TABLE (channel_id text, ts_us bigint, thread_us bigint, score double precision)
LANGUAGE plpgsql {_DOOR} SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
BEGIN
  RETURN QUERY EXECUTE format($q$
    SELECT s.channel_id, s.ts_us, s.thread_us, CASE WHEN $7 IS NULL THEN 0 ELSE {_SCORE % "$7"} END
    FROM search_messages s WHERE {_SEEN} ORDER BY s.ts_us %s LIMIT $8
  $q$, CASE WHEN direction > 0 THEN 'DESC' ELSE 'ASC' END)
  USING asked, since_us, until_us, seen, with_channels, with_threads, ranked, most;
END $$
"""  # noqa: S608 - conditions of ours

# Who may see a file is for the caller to say of what is found: a file is in many places.
FILES_FOUND = f"""
CREATE FUNCTION search_files_found(asked tsquery, since_us bigint, until_us bigint, ranked tsquery, most integer)
RETURNS TABLE (file_id text, ts_us bigint, score double precision)
LANGUAGE plpgsql {_DOOR} SET enable_seqscan = off SET jit = off AS $$
BEGIN
  RETURN QUERY EXECUTE $q$
    SELECT s.file_id, s.ts_us, CASE WHEN $4 IS NULL THEN 0 ELSE {_SCORE % "$4"} END
    FROM search_files s WHERE s.words @@ $1 AND s.{_MINE} AND s.ts_us BETWEEN $2 AND $3 LIMIT $5
  $q$ USING asked, since_us, until_us, ranked, most;
END $$
"""  # noqa: S608 - conditions of ours

WORDS_WITH = f"""
CREATE FUNCTION search_words_with(pattern text, most integer) RETURNS TABLE (word text)
LANGUAGE plpgsql {_DOOR} SET enable_seqscan = off SET enable_indexscan = off
  SET enable_indexonlyscan = off SET jit = off AS $$
BEGIN
  RETURN QUERY EXECUTE $q$
    WITH alike AS MATERIALIZED (SELECT s.workspace_id, s.word FROM search_words s WHERE s.word LIKE $1)
    SELECT s.word FROM alike s WHERE s.{_MINE} LIMIT $2
  $q$ USING pattern, most;
END $$
"""  # noqa: S608 - conditions of ours

FUNCTIONS = {
    "search_messages_found(tsquery, bigint, bigint, text[], text[], text[], tsquery, integer, integer, integer, integer)": MESSAGES_FOUND,
    "search_messages_newest(tsquery, bigint, bigint, text[], text[], text[], tsquery, integer, integer)": MESSAGES_NEWEST,
    "search_files_found(tsquery, bigint, bigint, tsquery, integer)": FILES_FOUND,
    "search_words_with(text, integer)": WORDS_WITH,
}


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in reversed(TABLES):
        op.drop_table(table)
