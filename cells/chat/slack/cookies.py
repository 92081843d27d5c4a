"""A session in a browser: the token in a cookie that scripts cannot read and other sites cannot send."""

from cells.chat.slack.call import Origin

NAME = "waggle"


def cookie_header(origin: Origin, domain: str, token: str, age_s: int) -> tuple[bytes, bytes]:
    """For the workspace's own address alone: its host, or its path where workspaces share one. An age of 0 takes it away."""
    path = "/" if origin.host.startswith(f"{domain}.") else f"/w/{domain}/"
    secure = "; Secure" if origin.scheme in ("https", "wss") else ""
    return (b"set-cookie", f"{NAME}={token}; Path={path}; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}".encode("latin-1"))


def token_in_cookie(header: str) -> str:
    """Empty where there is none."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == NAME:
            return value
    return ""
