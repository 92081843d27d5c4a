from hypothesis import given
from hypothesis import strategies as st

from router.forward.groups import Groups

W, OTHER = "T1", "T2"


class Socket:
    def __init__(self, seq: int = 0, room: int = 1000) -> None:
        self.groups: set[str] = set()
        self.seq = seq
        self.room = room
        self.got: list[str] = []

    def deliver(self, text: str, seq: int) -> bool:
        if len(self.got) >= self.room:
            return False
        self.got.append(text)
        self.seq = seq or self.seq
        return True

    def on_slow(self) -> None:
        raise AssertionError("groups only report")


def test_each_session_in_any_of_the_groups_hears_once() -> None:
    groups = Groups()
    both, one, none = Socket(), Socket(), Socket()
    groups.join(W, both, ["C1", "U1"])
    groups.join(W, one, ["C1"])
    groups.join(W, none, ["C2"])
    assert groups.broadcast(W, ["C1", "U1", "C9"], "hi", 1) == []
    assert (both.got, one.got, none.got) == (["hi"], ["hi"], [])


def test_another_workspace_hears_nothing() -> None:
    groups = Groups()
    mine, theirs = Socket(), Socket()
    groups.join(W, mine, ["C1"])
    groups.join(OTHER, theirs, ["C1"])
    groups.broadcast(W, ["C1"], "hi", 1)
    assert theirs.got == []


def test_events_a_session_already_has_are_passed_over_but_ephemeral_ones_are_not() -> None:
    groups = Groups()
    ahead = Socket(seq=5)
    groups.join(W, ahead, ["C1"])
    for seq in (4, 5, 6):
        groups.broadcast(W, ["C1"], str(seq), seq)
    groups.broadcast(W, ["C1"], "typing", 0)
    assert ahead.got == ["6", "typing"] and ahead.seq == 6


def test_who_left_hears_no_more_and_nothing_is_kept_of_the_last() -> None:
    groups = Groups()
    socket = Socket()
    groups.join(W, socket, ["C1", "C2"])
    groups.leave(W, socket, ["C1"])
    groups.broadcast(W, ["C1"], "gone", 1)
    groups.broadcast(W, ["C2"], "here", 2)
    assert socket.got == ["here"]
    groups.leave(W, socket, socket.groups)
    assert socket.groups == set() and groups._workspaces == {}


def test_a_socket_that_does_not_keep_up_is_reported_and_costs_the_others_nothing() -> None:
    groups = Groups()
    slow, fast = Socket(room=0), Socket()
    groups.join(W, slow, ["C1"])
    groups.join(W, fast, ["C1"])
    assert groups.broadcast(W, ["C1"], "hi", 1) == [slow]
    assert fast.got == ["hi"]


def test_a_member_has_all_up_to_the_last_broadcast_even_of_groups_it_is_not_in() -> None:
    groups = Groups()
    quiet, busy, catching_up = Socket(seq=1), Socket(), Socket(seq=1)
    groups.join(W, quiet, ["U1"])
    groups.join(W, busy, ["C1"])
    groups.broadcast(W, ["C1"], "x", 9)
    assert groups.reached(W, quiet) == 9
    assert groups.reached(W, catching_up) == 1


names = st.sampled_from(["C1", "C2", "U1"])


@given(st.lists(st.tuples(st.sampled_from(["join", "leave", "say"]), st.integers(0, 3), st.sets(names, min_size=1)), max_size=60))
def test_groups_agree_with_a_plain_model(steps: list[tuple[str, int, set[str]]]) -> None:
    groups, sockets = Groups(), [Socket() for _ in range(4)]
    model: list[set[str]] = [set() for _ in sockets]
    heard: list[list[str]] = [[] for _ in sockets]
    for seq, (verb, who, which) in enumerate(steps, 1):
        if verb == "join":
            groups.join(W, sockets[who], which)
            model[who] |= which
        elif verb == "leave":
            groups.leave(W, sockets[who], which)
            model[who] -= which
        else:
            groups.broadcast(W, sorted(which), str(seq), seq)
            for index, member in enumerate(model):
                if member & which:
                    heard[index].append(str(seq))
    assert [socket.got for socket in sockets] == heard
    assert [socket.groups for socket in sockets] == model
