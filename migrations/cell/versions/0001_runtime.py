"""What the runtime itself keeps: the tenancy row (fence, order, clock), the log, the cursors over it."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import APP_ROLE, protect_tenant_table

revision = "0001_runtime"
down_revision = None
branch_labels = None
depends_on = None

STATES = ("incoming", "active", "frozen", "suspended", "moved")


def upgrade() -> None:
    _tenancy()
    _log()
    _cursors()


def _tenancy() -> None:
    op.create_table(
        "tenancy",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, sa.CheckConstraint(f"state IN {STATES}", name="tenancy_state"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("last_ts_us", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("moved_to", sa.Text, nullable=False, server_default=""),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("subdomain", sa.Text, nullable=False),
    )
    # A row version for every commit: room on the page keeps updates heap-only, vacuum comes early and does not dawdle.
    op.execute(
        "ALTER TABLE tenancy SET (fillfactor = 20, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_cost_delay = 0)"
    )
    protect_tenant_table("tenancy", "SELECT, INSERT, UPDATE")
    op.execute("CREATE POLICY census ON tenancy FOR SELECT USING (current_setting('waggle.census', true) = 'on')")


def _log() -> None:
    op.create_table(
        "log",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        sa.Column("ts_us", sa.BigInteger, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("audience", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        postgresql_partition_by="RANGE (ts_us)",
    )
    protect_tenant_table("log", "SELECT, INSERT")
    op.execute("CREATE TABLE log_default PARTITION OF log DEFAULT")
    op.execute("ALTER TABLE log_default ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE log_default FORCE ROW LEVEL SECURITY")
    op.execute(MAKE_LOG_PARTITIONS)
    op.execute("REVOKE ALL ON FUNCTION make_log_partitions(int) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION make_log_partitions(int) TO {APP_ROLE}")
    op.execute("SELECT make_log_partitions(4)")


def _cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.execute("ALTER TABLE cursors SET (fillfactor = 50)")
    protect_tenant_table("cursors")


# Partitions hold a week each, named after their first day (UTC). They are made ahead of time, so that no writer waits for
# one; what falls outside lies in log_default. No policy on a partition: through the parent the parent's counts, and
# straight at the partition row-level security without a policy shows nothing.
MAKE_LOG_PARTITIONS = """
CREATE FUNCTION make_log_partitions(weeks_ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  week_us CONSTANT bigint := 7 * 86400 * 1000000::bigint;
  this_week CONSTANT bigint := floor(extract(epoch FROM now()) * 1000000 / week_us);
  first_us bigint;
  partition text;
  made int := 0;
BEGIN
  FOR week IN this_week - 1 .. this_week + least(weeks_ahead, 52) LOOP
    first_us := week * week_us;
    partition := 'log_' || to_char(to_timestamp(first_us / 1000000) AT TIME ZONE 'UTC', 'YYYYMMDD');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    BEGIN
      EXECUTE format('CREATE TABLE %I (LIKE log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
      EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', partition);
      EXECUTE format('ALTER TABLE log ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', partition, first_us, first_us + week_us);
      made := made + 1;
    EXCEPTION WHEN check_violation THEN
      NULL; -- rows of that week lie in log_default already and stay there
    END;
  END LOOP;
  RETURN made;
END $$
"""


def downgrade() -> None:
    op.execute("DROP TABLE cursors, log, tenancy")
    op.execute("DROP FUNCTION make_log_partitions(int)")
