"""Ids and tokens: what Slack's clients accept, and the workspace read back out of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.identity import (
    ALPHABET,
    AppId,
    UserId,
    WorkspaceId,
    is_workspace_id,
    make_app_token,
    make_bot_token,
    make_id,
    make_user_token,
    make_workspace_id,
    number_of,
    workspace_of_number,
    workspace_of_token,
)

# As secret scanners and clients know them: https://api.slack.com/authentication/token-types and gitleaks' slack rules.
BOT = re.compile(r"xoxb-[0-9]{10,17}-[0-9]{10,17}-[a-zA-Z0-9]{24}")
USER = re.compile(r"xoxp-[0-9]{10,17}-[0-9]{10,17}-[0-9]{10,12}-[a-f0-9]{32}")
APP = re.compile(r"xapp-1-A[A-Z0-9]+-[0-9]+-[a-f0-9]{64}")

tails = st.text(ALPHABET, min_size=9, max_size=9)
first_letters = st.sampled_from(ALPHABET[1:])
workspaces = st.builds(lambda first, tail: WorkspaceId(f"T{first}{tail}"), first_letters, tails)
users = st.builds(lambda first, tail: UserId(f"U{first}{tail}"), first_letters, tails)


@given(workspaces, users)
def test_every_token_names_its_workspace(workspace: WorkspaceId, user: UserId) -> None:
    tokens = [make_bot_token(workspace, user), make_user_token(workspace, user), make_app_token(workspace, AppId("A012345678"))]
    assert [workspace_of_token(token) for token in tokens] == [workspace] * 3
    assert [workspace_of_token(token + "\n") for token in tokens] == [None] * 3


@given(workspaces, users)
def test_tokens_have_the_shapes_of_slacks(workspace: WorkspaceId, user: UserId) -> None:
    assert BOT.fullmatch(make_bot_token(workspace, user))
    assert USER.fullmatch(make_user_token(workspace, user))
    assert APP.fullmatch(make_app_token(workspace, AppId(make_id("A"))))


@given(workspaces)
def test_a_workspaces_number_is_the_workspace(workspace: WorkspaceId) -> None:
    assert is_workspace_id(workspace)
    assert workspace_of_number(number_of(workspace)) == workspace


@given(st.text() | st.from_regex(r"xox[bp]-[0-9]{1,20}-[0-9]{1,20}-\w{1,40}", fullmatch=True))
def test_whatever_is_sent_as_a_token_gives_a_workspace_or_nothing(text: str) -> None:
    found = workspace_of_token(text)
    assert found is None or is_workspace_id(found)


@pytest.mark.parametrize(
    "token",
    ["", "xoxb-", "xoxb-1-2-abc", "xoxb-99999999999999999-1-abc", "xoxe-1", "xoxb-١٢٣-1-a", "xoxb-1-1-a\n", "Bearer x"],
)
def test_tokens_that_are_none(token: str) -> None:
    assert workspace_of_token(token) is None


@pytest.mark.parametrize("text", ["T012345678", "T123456789", "T12345678900", "t1234567890", "C1234567890", "T123456789٣", "T123456789\n"])
def test_ids_that_are_none(text: str) -> None:
    assert not is_workspace_id(text)


def test_made_ids_are_workspaces_and_differ() -> None:
    made = {make_workspace_id() for _ in range(1_000)}
    assert len(made) == 1_000 and all(map(is_workspace_id, made))
