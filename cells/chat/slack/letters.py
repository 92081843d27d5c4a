"""What is written to people. Links begin with the platform's own address, never with one that a request brought."""

from chassis.mail import Mail

_FOOT = "\n\nYou did not ask for this? Then there is nothing to do: without the link nothing happens.\n"


def page_of(public_url: str, domain: str) -> str:
    return f"{public_url.rstrip('/')}/w/{domain}/"


def sign_in_letter(to: str, team: str, page: str, code: str) -> Mail:
    text = f"Sign in to {team}:\n\n{page}signin#code={code}\n\nor give your client this code: {code}\n\nGood once, for 15 minutes."
    return Mail(to, f"Sign in to {_line(team)}", text + _FOOT)


def reset_letter(to: str, team: str, page: str, code: str) -> Mail:
    text = f"Choose a new password for {team}:\n\n{page}signin#reset={code}\n\nThe code alone: {code}\n\nGood once, for 15 minutes."
    return Mail(to, f"A new password for {_line(team)}", text + _FOOT)


def invitation_letter(to: str, team: str, page: str, code: str, inviter: str) -> Mail:
    text = f"{inviter} asks you to join {team}:\n\n{invitation_url(page, code)}\n\nThe code alone: {code}"
    return Mail(to, f"Join {_line(team)}", text + _FOOT)


def invitation_url(page: str, code: str) -> str:
    return f"{page}signin#invitation={code}"


def _line(text: str) -> str:
    return " ".join(text.split())
