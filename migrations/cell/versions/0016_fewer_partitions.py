"""Messages of three months to come have partitions, not of twelve: whatever asks for messages is planned over each of them."""

from alembic import op

revision = "0016_fewer_partitions"
down_revision = "0015_search_once"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(DROP_FURTHER)


def downgrade() -> None:
    op.execute("SELECT make_message_partitions(12)")


# Only what has never held a row, which no policy hides. The table first, as everybody locks it: nobody writes while it is looked at.
DROP_FURTHER = """
DO $$
DECLARE
  kept CONSTANT timestamp := date_trunc('month', now() AT TIME ZONE 'UTC') + interval '4 months';
  further text;
BEGIN
  LOCK TABLE ONLY messages IN ACCESS EXCLUSIVE MODE;
  FOR further IN SELECT p.name FROM partitions_of('messages') p WHERE p.from_us >= extract(epoch FROM kept) * 1000000 LOOP
    IF pg_relation_size(further::regclass) = 0 THEN
      EXECUTE format('DROP TABLE %I', further);
    END IF;
  END LOOP;
END $$
"""
