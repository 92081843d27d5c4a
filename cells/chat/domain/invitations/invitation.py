from dataclasses import dataclass

from cells.chat.domain.roles.role import Role


@dataclass(frozen=True, slots=True)
class Invitation:
    invitation_id: str
    email: str
    real_name: str
    role: Role
    channel_ids: tuple[str, ...]
    """Beside those that everyone starts in; a guest's only ones."""
    inviter_id: str
    created_us: int
    expires_us: int
    accepted_by: str | None = None
    revoked_us: int | None = None

    def open_at(self, now_us: int) -> bool:
        return self.accepted_by is None and self.revoked_us is None and self.expires_us > now_us
