"""Content-Disposition (RFC 6266): the name in ASCII for old clients, and as it is (RFC 8187) for the rest."""

from urllib.parse import quote

_KEPT = "!#$&+-.^_`|~"


def disposition(name: str, *, inline: bool) -> bytes:
    kind = "inline" if inline else "attachment"
    plain = "".join(letter if " " <= letter < "\x7f" and letter not in '"\\%/' else "_" for letter in name) or "file"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_KEPT)}".encode()
