from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserGroup:
    usergroup_id: str
    name: str
    handle: str
    description: str
    channels: str
    """Default channels: ids joined by commas."""
    created_by: str
    updated_by: str
    created_us: int
    updated_us: int
    deleted_us: int = 0
    """When it was switched off; 0: it is in use."""
    deleted_by: str = ""
    users: tuple[str, ...] = ()
    """Ids in order."""
