"""A page as a browser with its policy would take it: well-formed, nothing runs but what the policy names, nothing is from elsewhere."""

import base64
import hashlib
from collections.abc import Mapping
from html.parser import HTMLParser

VOID = frozenset(("meta", "input", "br"))
LEADS = ("href", "src", "action")


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class Markup(HTMLParser):
    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.text, self.inline, self.leads = "", dict[str, str](), list[str]()
        self._open: list[str] = []
        self.feed(content.decode())
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)) and not any(name == "style" or name.startswith("on") for name in names), (tag, attrs)
        self.leads += [value or "" for name, value in attrs if name in LEADS]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self._open, f"{tag} does not end itself"

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] in (["style"], ["script"]):
            assert self._open[-1] not in self.inline
            self.inline[self._open[-1]] = data
        else:
            self.text += data


def page_in(content: bytes, headers: Mapping[str, str]) -> Markup:
    """Raises AssertionError for what a browser would not show as it is meant."""
    assert headers["content-type"] == "text/html; charset=utf-8" and headers["cache-control"] == "no-store"
    found, policy = Markup(content), dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["base-uri"], policy["frame-ancestors"]) == ("'none'",) * 3
    assert {kind: policy.get(f"{kind}-src") for kind in ("style", "script")} == {
        kind: hash_of(found.inline[kind]) if kind in found.inline else None for kind in ("style", "script")
    }
    assert not any(word in found.inline["style"] for word in ("url(", "@import"))
    return found
