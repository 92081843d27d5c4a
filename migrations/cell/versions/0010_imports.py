"""Where an import stands and what it left out; partitions for messages older than the cell."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import APP_ROLE, protect_tenant_table

revision = "0010_imports"
down_revision = "0009_search"
branch_labels = None
depends_on = None

TABLES = ("imports", "import_notes")


def upgrade() -> None:
    _imports()
    _notes()
    for table in TABLES:
        protect_tenant_table(table)
    op.execute(MAKE_PAST_MESSAGE_PARTITIONS)
    op.execute("REVOKE ALL ON FUNCTION make_past_message_partitions(bigint) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION make_past_message_partitions(bigint) TO {APP_ROLE}")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _key(*names: str) -> tuple[sa.Column[str], ...]:
    return tuple(sa.Column(name, sa.Text, primary_key=True) for name in ("workspace_id", *names))


def _imports() -> None:
    times = ("started_us", "updated_us", "finished_us")
    op.create_table(
        "imports",
        *_key("import_id"),
        *map(_text, ("name", "counts", "mapping")),
        *map(_number, ("entry", "line", "notes", *times)),
    )


def _notes() -> None:
    number = sa.Column("number", sa.BigInteger, primary_key=True)
    op.create_table("import_notes", *_key("import_id"), number, *map(_text, ("kind", "what", "why")))


# A partition a year before the year of the oldest that is there, a partition a month in a year that has one already: what is
# said today is asked for by the month, what was said years ago seldom, and each partition costs every plan a little.
MAKE_PAST_MESSAGE_PARTITIONS = """
CREATE FUNCTION make_past_message_partitions(oldest_us bigint) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  oldest CONSTANT timestamp := date_trunc('year', greatest(to_timestamp(oldest_us / 1000000.0) AT TIME ZONE 'UTC', timestamp '2010-01-01'));
  this_month CONSTANT timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  first timestamp := oldest;
  following timestamp;
  partition text;
  made int := 0;
BEGIN
  WHILE first < this_month LOOP
    IF date_part('month', first) = 1 AND date_part('year', first) < date_part('year', this_month) AND NOT EXISTS (
      SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace
      AND relname ~ ('^messages_' || to_char(first, 'YYYY') || '[0-9]{2}$')
    ) THEN
      partition := 'messages_' || to_char(first, 'YYYY');
      following := first + interval '1 year';
    ELSE
      partition := 'messages_' || to_char(first, 'YYYYMM');
      following := first + interval '1 month';
    END IF;
    IF to_regclass(partition) IS NULL THEN
      BEGIN
        EXECUTE format('CREATE TABLE %I (LIKE messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED)', partition);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', partition);
        EXECUTE format('ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', partition,
          (extract(epoch FROM first) * 1000000)::bigint, (extract(epoch FROM following) * 1000000)::bigint);
        made := made + 1;
      EXCEPTION WHEN check_violation THEN
        NULL; -- rows of that time lie in messages_default already and stay there
      END;
    END IF;
    first := following;
  END LOOP;
  RETURN made;
END $$
"""


def downgrade() -> None:
    op.execute("DROP FUNCTION make_past_message_partitions(bigint)")
    for table in reversed(TABLES):
        op.drop_table(table)
