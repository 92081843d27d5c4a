"""Pages for people who open an address of the platform in a browser: one look, nothing from elsewhere, nothing run but what is named.

The policy is CSP level 3 (https://www.w3.org/TR/CSP3/) with the hashes of the one style and the one script that a page holds.
"""

import base64
import hashlib
from dataclasses import dataclass
from html import escape

JSON, HTML = ("application", "json"), ("text", "html")
RANGES_MAX = 32
"""Of an `Accept` header; what comes behind them is not looked at."""

STYLE = """
:root{color-scheme:light dark;--ground:#fdf8ee;--sheet:#fff;--ink:#29241b;--soft:#6d6454;--line:#e8dcc3;--honey:#9a5b00;--press:#fff}
@media (prefers-color-scheme:dark){:root{--ground:#17140f;--sheet:#221d15;--ink:#f3ead9;--soft:#b5a88f;--line:#3d3526;
--honey:#f5b53d;--press:#221d15}}
*{box-sizing:border-box}
body{margin:0;padding:8vh 1.25rem 4rem;background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
main{max-width:40rem;margin:auto}
header{display:flex;align-items:center;gap:.8rem;margin-bottom:1.5rem}
header svg{flex:none;width:2.6rem;height:2.6rem;fill:none;stroke:var(--honey);stroke-width:3;stroke-linejoin:round}
h1{margin:0;font-size:1.9rem;line-height:1.15;overflow-wrap:anywhere}
h2{margin:0 0 .35rem;font-size:1.05rem}
p{margin:.35rem 0}
section{margin:1rem 0;padding:1.1rem 1.25rem;background:var(--sheet);border:1px solid var(--line);border-radius:.7rem}
small,.soft{color:var(--soft);font-size:.9rem}
a{color:var(--honey)}
code,pre{font:.88rem/1.5 ui-monospace,monospace}
code{overflow-wrap:anywhere}
pre{margin:.6rem 0 .3rem;padding:.8rem 1rem;overflow-x:auto;background:var(--ground);border:1px solid var(--line);border-radius:.5rem}
label{display:block;margin:.5rem 0}
input{display:block;width:100%;margin-top:.2rem;padding:.5rem .65rem;font:inherit;color:inherit;background:var(--ground)}
input,button,.button{border:1px solid var(--line);border-radius:.5rem}
button,.button{display:inline-block;margin:.5rem 0 .2rem;padding:.5rem 1.1rem;font:inherit;font-weight:600;cursor:pointer}
button,.button{color:var(--press);background:var(--honey);border-color:var(--honey);text-decoration:none}
output{display:block;margin-top:.6rem;overflow-wrap:anywhere}
:focus-visible{outline:2px solid var(--honey);outline-offset:2px}
[hidden]{display:none}
"""
_MARK = '<svg viewBox="0 0 40 40" aria-hidden="true"><path d="M20 3 35 11.5V28.5L20 37 5 28.5V11.5Z"/></svg>'


@dataclass(frozen=True, slots=True)
class Page:
    content: bytes
    headers: tuple[tuple[bytes, bytes], ...]


def page(title: str, body: str, script: str = "", *, posts: bool = False) -> Page:
    """`body` is HTML in which every foreign word went through `html.escape`; `script` runs as it stands, and no other does.

    `posts`: its forms may be sent without the script, to where it came from.
    """
    content = _written(title, body, script)
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"%d" % len(content)),
        (b"content-security-policy", _policy(script, posts).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"accept"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
    )
    return Page(content, headers)


def prefers_html(accept: str) -> bool:
    """Whether who sent this `Accept` header (RFC 9110 section 12.5.1) would rather have a page than JSON. Browsers would."""
    ranges = [_range(each) for each in accept.lower().split(",", RANGES_MAX)[:RANGES_MAX]]
    return _quality(ranges, HTML) > _quality(ranges, JSON)


def _range(text: str) -> tuple[str, str, float]:
    media, *parameters = (part.strip() for part in text.split(";"))
    kind, _, subtype = media.partition("/")
    weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, subtype, float(weight)
    except ValueError:
        return kind, subtype, 0.0


def _quality(ranges: list[tuple[str, str, float]], wanted: tuple[str, str]) -> float:
    """The most specific range that fits decides."""
    for fits in (wanted, (wanted[0], "*"), ("*", "*")):
        for kind, subtype, weight in ranges:
            if (kind, subtype) == fits:
                return weight
    return 0.0


def _hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _written(title: str, body: str, script: str) -> bytes:
    run = f"<script>{script}</script>" if script else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{STYLE}</style></head>\n'
        f"<body><main><header>{_MARK}<h1>{escape(title)}</h1></header>\n{body}</main>{run}</body></html>\n"
    ).encode()


def _policy(script: str, posts: bool) -> str:
    run = f"script-src {_hash_of(script)}; connect-src 'self'; " if script else ""
    forms = "'self'" if posts else "'none'"
    return f"default-src 'none'; style-src {_hash_of(STYLE)}; {run}form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
