"""Who is in which conversation."""
