"""User groups: a handle that calls several people at once."""
