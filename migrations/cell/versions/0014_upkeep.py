"""Retention, and partitions that go when nobody needs them: what upkeep may do, and for how long at most it may make anybody wait."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import APP_ROLE, protect_tenant_table

revision = "0014_upkeep"
down_revision = "0013_flags"
branch_labels = None
depends_on = None

LOCK_TIMEOUT = "100ms"
"""Also of the functions below."""
MAKERS = ("make_log_partitions(int)", "make_message_partitions(int)", "make_past_message_partitions(bigint)")
FUNCTIONS = ("partitions_of(text)", "retire_partition(text, text, bigint, text[])", "drop_retired_partition()")


def upgrade() -> None:
    op.create_table(
        "retentions",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("set_us", sa.BigInteger, nullable=False),
    )
    protect_tenant_table("retentions")
    for maker in MAKERS:
        op.execute(f"ALTER FUNCTION {maker} SET lock_timeout = '{LOCK_TIMEOUT}'")
    for statement in (PARTITIONS_OF, RETIRE_PARTITION, DROP_RETIRED_PARTITION):
        op.execute(statement)
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}")


def downgrade() -> None:
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
    for maker in MAKERS:
        op.execute(f"ALTER FUNCTION {maker} SET lock_timeout = '2s'")
    op.drop_table("retentions")


# The default partition is not among them: it has no bounds, and always stays.
PARTITIONS_OF = """
CREATE FUNCTION partitions_of(parent text) RETURNS TABLE (name text, from_us bigint, to_us bigint)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT name, bounds[1]::bigint, bounds[2]::bigint FROM (
    SELECT c.relname::text AS name,
      regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \\(''(-?[0-9]+)''\\) TO \\(''(-?[0-9]+)''\\)$') AS bounds
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(parent)
  ) AS each WHERE bounds IS NOT NULL ORDER BY bounds[1]::bigint
$$
"""

# Takes a partition out, unless somebody needs it; then says who. Rows of messages are needed as long as there are any: retention
# deletes them one by one, with all that hangs on them. Rows of the log are needed until every reader of their workspace is past them.
#
# The order of locks is what makes it exact and short. SHARE on the partition first: nobody writes there any more (nobody but an
# import or a move writes into the past), so what is seen then stays true. Only then DETACH, whose lock on the parent makes
# everyone wait: it is waited for no longer than lock_timeout, in which others queue behind it, and held for a few milliseconds.
# What was detached is dropped later, by itself: to remove large files takes time, and nobody waits for it then.
#
# Everything is looked at through the parent and a workspace at a time, as the policies want it: they bind the owner as well.
RETIRE_PARTITION = """
CREATE FUNCTION retire_partition(parent text, partition text, before_us bigint, readers text[]) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms'
SET "waggle.workspace_id" = '' SET "waggle.census" = 'on' AS $$
DECLARE
  week_us CONSTANT bigint := 7 * 86400 * 1000000::bigint;
  now_us CONSTANT bigint := extract(epoch FROM now()) * 1000000;
  bounds record;
  tenant record;
  published text;
  last_seq bigint;
  there bool;
  reader text;
  behind bool;
BEGIN
  IF parent NOT IN ('log', 'messages') THEN
    RAISE EXCEPTION 'not a table with partitions that go: %', parent;
  END IF;
  IF NOT pg_try_advisory_xact_lock(hashtext('waggle.upkeep')) THEN
    RETURN 'another worker is at it';
  END IF;
  SELECT * INTO bounds FROM partitions_of(parent) p WHERE p.name = partition;
  IF bounds IS NULL THEN
    RETURN 'it is no partition any more';
  END IF;
  IF bounds.to_us > least(before_us, now_us - week_us) THEN
    RETURN 'it is young';
  END IF;
  EXECUTE format('LOCK TABLE ONLY %I IN SHARE MODE', partition);
  SELECT coalesce(string_agg(DISTINCT p.rowfilter, ' '), '') INTO published FROM pg_publication_tables p;
  FOR tenant IN SELECT t.workspace_id, t.state FROM tenancy t LOOP
    PERFORM set_config('waggle.workspace_id', tenant.workspace_id, true);
    IF parent = 'messages' THEN
      SELECT EXISTS (
        SELECT 1 FROM messages m WHERE m.workspace_id = tenant.workspace_id AND m.ts_us >= bounds.from_us AND m.ts_us < bounds.to_us
      ) INTO there;
      IF there THEN
        RETURN format('%s has messages in it', tenant.workspace_id);
      END IF;
      CONTINUE;
    END IF;
    SELECT max(l.seq) INTO last_seq FROM log l
      WHERE l.workspace_id = tenant.workspace_id AND l.ts_us >= bounds.from_us AND l.ts_us < bounds.to_us;
    CONTINUE WHEN last_seq IS NULL;
    IF tenant.state NOT IN ('active', 'suspended') OR strpos(published, quote_literal(tenant.workspace_id)) > 0 THEN
      RETURN format('%s is moving', tenant.workspace_id);
    END IF;
    FOREACH reader IN ARRAY readers LOOP
      -- Marks of moves lie among the cursors and read nothing.
      EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I r WHERE r.workspace_id = $1 AND r.seq < $2'
        ' AND coalesce(to_jsonb(r) ->> ''name'', '''') NOT LIKE ''move:%%'')', reader)
        INTO behind USING tenant.workspace_id, last_seq;
      IF behind THEN
        RETURN format('a reader of %s is behind it (%s)', tenant.workspace_id, reader);
      END IF;
    END LOOP;
  END LOOP;
  EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, partition);
  EXECUTE format('ALTER TABLE %I RENAME TO %I', partition, 'retired_' || partition);
  RETURN '';
END $$
"""

DROP_RETIRED_PARTITION = """
CREATE FUNCTION drop_retired_partition() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
  retired text;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('waggle.upkeep')) THEN
    RETURN '';
  END IF;
  SELECT relname INTO retired FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '^retired_(log|messages)_[0-9]+$' ORDER BY relname LIMIT 1;
  IF retired IS NULL THEN
    RETURN '';
  END IF;
  EXECUTE format('DROP TABLE %I', retired);
  RETURN retired;
END $$
"""
