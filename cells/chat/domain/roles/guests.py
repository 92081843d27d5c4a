"""SQL for statements that must not tell guests of what they were not invited to."""

IS_GUEST = (
    "EXISTS (SELECT 1 FROM users guest WHERE guest.workspace_id = :w AND guest.user_id = {user}"
    " AND guest.role IN ('guest', 'single_guest'))"
)
"""`IS_GUEST.format(user=":u")`; one look by primary key. `:w` is the workspace."""
