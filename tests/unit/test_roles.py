"""The table of roles: what the page for people says is what is decided, and words fit the one who is refused."""

from pathlib import Path

import pytest

from cells.chat.domain.errors import DomainError
from cells.chat.domain.roles.actions import RULES, Action, may, require_may
from cells.chat.domain.roles.errors import InvalidRole
from cells.chat.domain.roles.role import Role

PAGE = Path(__file__).parents[2] / "docs" / "conversations.md"
COLUMNS = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST, Role.SINGLE_GUEST, Role.BOT)


def test_every_action_has_a_rule() -> None:
    assert set(RULES) == set(Action)


def test_the_page_says_what_is_decided() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines() if line.startswith("|")]
    said = {row[0]: row[1:] for row in rows[2:]}
    decided = {
        action.name.lower(): [*("yes" if role in rule.may else "" for role in COLUMNS), f"`{rule.refusal.code}`"]
        for action, rule in RULES.items()
    }
    assert said == decided


def test_a_primary_owner_may_what_an_owner_may() -> None:
    assert all(may(Role.PRIMARY_OWNER, action) == may(Role.OWNER, action) for action in Action)


@pytest.mark.parametrize(("role", "word"), [(Role.GUEST, "user_is_restricted"), (Role.SINGLE_GUEST, "user_is_ultra_restricted")])
def test_a_guest_of_one_channel_has_a_word_of_its_own(role: Role, word: str) -> None:
    with pytest.raises(DomainError) as refused:
        require_may(role, Action.INVITE)
    assert refused.value.code == word


def test_people_are_given_roles_of_people() -> None:
    assert Role.of_person("guest") is Role.GUEST
    for name in ("bot", "primary_owner", "king", ""):
        with pytest.raises(InvalidRole):
            Role.of_person(name)
