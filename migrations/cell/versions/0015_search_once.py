"""Hits of a question are read once. The function of before stays for those who run the version before."""

from alembic import op

from migrations.isolation import APP_ROLE

revision = "0015_search_once"
down_revision = "0014_upkeep"
branch_labels = None
depends_on = None

FUNCTION = "search_messages_matching(tsquery[], bigint, bigint, text[], text[], text[], tsquery, integer, integer, integer, integer)"


def upgrade() -> None:
    op.execute(MESSAGES_MATCHING)
    op.execute(f"REVOKE ALL ON FUNCTION {FUNCTION} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {FUNCTION} TO {APP_ROLE}")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {FUNCTION}")


# Better words first, and of two alike the newer: a hit is worth half as much three months later.
_SCORE = "ts_rank(h.words, $7, 1) / (1 + greatest(0, extract(epoch FROM now()) * 1000000 - h.ts_us)::float8 / 7776000000000)"

# Looks on the owner's behalf, under the same condition that the policies have (see 0009): $12 is the scope's workspace. A hit answers
# any of `asked`; the index is asked for each, which takes half of the time that one question with as many words in it takes.
# At most `most` hits are looked at; where there are more, `total` says `most` and no hit is given: the caller asks for the newest or
# oldest instead. Plain index scans are off: a walk by time, chosen for its cheap beginning, was seen to take seconds to the end.
_HITS = """
    WITH hits AS MATERIALIZED (
      SELECT s.channel_id, s.ts_us%s FROM search_messages s
      WHERE s.words @@ ANY($1) AND s.workspace_id = $12 AND s.ts_us BETWEEN $2 AND $3 AND s.channel_id = ANY($4)
        AND ($5 IS NULL OR s.channel_id = ANY($5) OR s.channel_id || ':' || s.thread_us = ANY($6))
      LIMIT $9
    ), counted AS (SELECT count(*) AS total FROM hits), page AS (
      SELECT r.channel_id, r.ts_us, r.score FROM (
        SELECT h.channel_id, h.ts_us, %s AS score FROM hits h WHERE (SELECT c.total FROM counted c) < $9
      ) r ORDER BY r.score * $8 DESC, r.ts_us * $8 DESC OFFSET $10 LIMIT $11
    )
    SELECT c.total, p.channel_id, p.ts_us, p.score FROM counted c LEFT JOIN page p ON true ORDER BY p.score * $8 DESC, p.ts_us * $8 DESC
"""

MESSAGES_MATCHING = f"""
CREATE FUNCTION search_messages_matching(asked tsquery[], since_us bigint, until_us bigint, seen text[], with_channels text[],
  with_threads text[], ranked tsquery, direction integer, most integer, page_from integer, page_size integer)
RETURNS TABLE (total bigint, channel_id text, ts_us bigint, score double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp STABLE
  SET enable_seqscan = off SET enable_indexscan = off SET jit = off AS $$
DECLARE
  mine CONSTANT text := current_setting('waggle.workspace_id', true);
BEGIN
  RETURN QUERY EXECUTE CASE WHEN ranked IS NULL THEN $q${_HITS % ("", "0::float8")}$q$
    ELSE $q${_HITS % (", s.words", _SCORE)}$q$ END
  USING asked, since_us, until_us, seen, with_channels, with_threads, ranked, direction, most, page_from, page_size, mine;
END $$
"""
