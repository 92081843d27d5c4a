"""GraphQL for the initial load of a client: one request instead of a dozen, and a bounded number of SQL statements."""
