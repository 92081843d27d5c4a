"""People and bot users of a workspace."""
