"""What a user is in a workspace, and what each may do: one table."""
