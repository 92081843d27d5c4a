import json

import pytest

from router.edge.pings import pong
from router.forward.numbering import numbered


@pytest.mark.parametrize("text", ['{"type":"message"}', "{}", '{"a":{"seq":1}}'])
def test_an_object_gets_its_seq_first(text: str) -> None:
    found = numbered(text, 17)
    assert found.startswith('{"seq":17')
    assert json.loads(found) == {"seq": 17} | json.loads(text)


def test_other_text_stays_as_it_is() -> None:
    assert numbered("[1]", 17) == "[1]"


def test_every_socket_gets_the_same_string() -> None:
    text = '{"type":"message","ts":"1.2"}'
    assert numbered(text, 3) is numbered(text, 3)


def test_pings_and_what_looks_like_one() -> None:
    answer = pong('{"id":1,"type":"ping","time":5}', None)
    assert answer is not None and json.loads(answer) == {"type": "pong", "reply_to": 1, "time": 5}
    assert pong('{"type":"message","text":"\\"ping\\""}', None) is None
    assert pong('["ping"]', None) is None
    assert pong('"ping"', None) is None
    assert pong('{"type":"ping"' + "[" * 1000, None) is None
