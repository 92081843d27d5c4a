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
FUNCTIONS = (
    "partitions_of(text)",
    "log_read_upto(text, text[])",
    "retire_partition(text, text, bigint, text[])",
    "trim_log(bigint, text[], int)",
    "drop_retired_partition()",
)


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
    for statement in (PARTITIONS_OF, LOG_READ_UPTO, RETIRE_PARTITION, TRIM_LOG, DROP_RETIRED_PARTITION):
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

# How far the slowest reader of a workspace's log has come; the end of time where there is none. Called with the workspace in scope.
# Marks of moves lie among the cursors and read nothing.
LOG_READ_UPTO = """
CREATE FUNCTION log_read_upto(workspace text, readers text[]) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
  reader text;
  slowest bigint;
  upto bigint := 9223372036854775807;
BEGIN
  FOREACH reader IN ARRAY readers LOOP
    IF reader = 'cursors' THEN
      SELECT min(c.seq) INTO slowest FROM cursors c WHERE c.workspace_id = workspace AND c.name NOT LIKE 'move:%';
    ELSE
      EXECUTE format('SELECT min(r.seq) FROM %I r WHERE r.workspace_id = $1', reader) INTO slowest USING workspace;
    END IF;
    upto := least(upto, coalesce(slowest, upto));
  END LOOP;
  RETURN upto;
END $$
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
    IF log_read_upto(tenant.workspace_id, readers) < last_seq THEN
      RETURN format('a reader of %s is behind it', tenant.workspace_id);
    END IF;
  END LOOP;
  EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, partition);
  EXECUTE format('ALTER TABLE %I RENAME TO %I', partition, 'retired_' || partition);
  RETURN '';
END $$
"""

# What is old and lies where nothing can be taken out - in the default partition, or in one that another workspace still needs - goes row
# by row, a part at a time. Returns how many rows went.
TRIM_LOG = """
CREATE FUNCTION trim_log(before_us bigint, readers text[], rows_max int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms'
SET "waggle.workspace_id" = '' SET "waggle.census" = 'on' AS $$
DECLARE
  week_us CONSTANT bigint := 7 * 86400 * 1000000::bigint;
  before CONSTANT bigint := least(before_us, (extract(epoch FROM now()) * 1000000)::bigint - week_us);
  tenant record;
  published text;
  gone int;
  total int := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('waggle.upkeep')) THEN
    RETURN 0;
  END IF;
  SELECT coalesce(string_agg(DISTINCT p.rowfilter, ' '), '') INTO published FROM pg_publication_tables p;
  FOR tenant IN SELECT t.workspace_id FROM tenancy t WHERE t.state IN ('active', 'suspended')
    AND strpos(published, quote_literal(t.workspace_id)) = 0 LOOP
    PERFORM set_config('waggle.workspace_id', tenant.workspace_id, true);
    DELETE FROM log l WHERE l.workspace_id = tenant.workspace_id AND l.ts_us < before AND l.seq IN (
      SELECT o.seq FROM log o WHERE o.workspace_id = tenant.workspace_id AND o.ts_us < before
      AND o.seq <= log_read_upto(tenant.workspace_id, readers) ORDER BY o.seq LIMIT rows_max - total
    );
    GET DIAGNOSTICS gone = ROW_COUNT;
    total := total + gone;
    EXIT WHEN total >= rows_max;
  END LOOP;
  RETURN total;
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
