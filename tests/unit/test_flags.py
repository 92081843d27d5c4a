"""Which word wins, in every combination; and that a look-up agrees with the slow way to say it."""

import itertools

import pytest

from chassis.flags import WHAT_STOPS, Effect, Flag, FlagSet, Switchboard, Word, effect_of

SCOPES = {"global": Word("search", True), "cell": Word("search", True, cell="cell-1"), "workspace": Word("search", True, workspace_id="T1")}
SAID = (None, True, False)


@pytest.mark.parametrize("said", list(itertools.product(SAID, repeat=3)))
def test_the_narrowest_word_wins(said: tuple[bool | None, bool | None, bool | None]) -> None:
    """A table of all 27: what is not said leaves it to the wider."""
    pairs = list(zip(SCOPES.values(), said, strict=True))
    words = tuple(Word("search", on, word.cell, word.workspace_id) for word, on in pairs if on is not None)
    by_scope = dict(zip(SCOPES, said, strict=True))
    narrowest = next((scope for scope in ("workspace", "cell", "global") if by_scope[scope] is not None), "default")
    expected = Effect(by_scope.get(narrowest, True) is not False, narrowest)
    assert effect_of(words, "search", cell="cell-1", workspace_id="T1") == expected
    board = Switchboard("cell-1", FlagSet("r", 1, words))
    assert board.off(Flag.SEARCH, "T1") is not expected.on
    for cell, workspace in itertools.product(("cell-1", "cell-2", ""), ("T1", "T2", "")):
        slow = effect_of(words, "search", cell=cell, workspace_id=workspace)
        assert Switchboard(cell, FlagSet("r", 1, words)).off(Flag.SEARCH, workspace) is not slow.on


def test_other_flags_cells_and_workspaces_are_left_alone() -> None:
    words = (Word("search", False, cell="cell-2"), Word("files", False, workspace_id="T2"), Word("of-the-future", False))
    board = Switchboard("cell-1", FlagSet("r", 7, words))
    assert [flag for flag in Flag if board.off(flag, "T1")] == []
    assert [flag for flag in Flag if board.off(flag, "T2")] == [Flag.FILES]
    assert Switchboard("cell-2", board.held).off(Flag.SEARCH, "T1")


def test_a_new_set_takes_the_place_of_the_old_one_whole() -> None:
    board = Switchboard("cell-1", FlagSet("r", 1, (Word("search", False), Word("files", False))))
    board.take(FlagSet("r", 2, (Word("files", False, workspace_id="T1"),)))
    assert (board.off(Flag.SEARCH, "T1"), board.off(Flag.FILES, "T1"), board.off(Flag.FILES, "T2")) == (False, True, False)
    board.take(FlagSet())
    assert not any(board.off(flag, "T1") for flag in Flag)


def test_every_flag_says_what_stops() -> None:
    assert set(WHAT_STOPS) == set(Flag)
