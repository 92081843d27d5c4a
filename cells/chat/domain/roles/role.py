from enum import StrEnum

from cells.chat.domain.roles.errors import InvalidRole


class Role(StrEnum):
    """What a user is in the workspace (https://slack.com/help/articles/360018112273-Types-of-roles-in-Slack)."""

    PRIMARY_OWNER = "primary_owner"
    """Who founded it; one."""
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"
    """Of several channels: those they were invited to."""
    SINGLE_GUEST = "single_guest"
    """Of one channel."""
    BOT = "bot"

    @classmethod
    def of_person(cls, name: str) -> "Role":
        """The role of that name; raises InvalidRole where it is none that a person can be given."""
        if name not in GIVEN:
            raise InvalidRole(f"a role is one of {', '.join(sorted(GIVEN))}")
        return cls(name)

    @property
    def is_guest(self) -> bool:
        """Guests know of nothing but what they were invited to."""
        return self in (Role.GUEST, Role.SINGLE_GUEST)

    @property
    def is_owner(self) -> bool:
        return self in (Role.PRIMARY_OWNER, Role.OWNER)

    @property
    def is_admin(self) -> bool:
        """Owners are administrators too."""
        return self.is_owner or self is Role.ADMIN


GIVEN = frozenset((Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST, Role.SINGLE_GUEST))
