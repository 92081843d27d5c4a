"""One Slack client that posts without pause and keeps what was acknowledged: an outside process would know no more."""

import threading
import time
import uuid
from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from tests.chaos.clients import PASSING
from tests.chaos.ledger import Posted, check_posts

GAP_S = 0.03
AGAIN_S = 0.1
HISTORY_PAGES_MAX = 200


class LedgerPoster:
    """Sends each post again, under the id the client gave it, until it is acknowledged; posts until the block ends."""

    def __init__(self, client: WebClient, channel: str) -> None:
        self.client, self.channel = client, channel
        self.posted: list[Posted] = []
        self.pauses_s: list[float] = []
        self.wrong: list[str] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poster")

    def __enter__(self) -> "LedgerPoster":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        number = 0
        while not self._stopping.wait(GAP_S) and not self.wrong:
            number += 1
            began_s = time.monotonic()
            self._insist(number, f"post {number}", str(uuid.uuid4()))
            self.pauses_s.append(time.monotonic() - began_s)

    def _insist(self, number: int, text: str, message_id: str) -> None:
        """Even when it is told to stop: a post with an unknown fate would be no evidence."""
        until_s = time.monotonic() + 60
        while time.monotonic() < until_s:
            try:
                answer = self.client.chat_postMessage(channel=self.channel, text=text, client_msg_id=message_id)
            except SlackApiError as error:
                word = error.response["error"]
                if word not in PASSING:
                    self.wrong.append(f"{text} was turned away: {word}")
                    return
            except (SlackClientError, OSError, HTTPException):
                pass  # no answer: the same as a passing word
            else:
                self.posted.append(Posted("poster", number, self.channel, text, str(answer["ts"])))
                return
            time.sleep(AGAIN_S)
        self.wrong.append(f"{text} found no answer within 60 s")

    def judged(self) -> list[str]:
        """After the block: everything that is wrong, in sentences."""
        stored = self._history()
        extra = {text for _, text in stored} - {post.text for post in self.posted}
        unknown = [f"{len(extra)} posts are stored that nobody was told of"] if extra and not self.wrong else []
        return [*self.wrong, *check_posts(self.posted, {self.channel: stored}), *unknown]

    def _history(self) -> list[tuple[str, str]]:
        """(ts, text) of every post, oldest first."""
        found: list[tuple[str, str]] = []
        cursor = ""
        for _ in range(HISTORY_PAGES_MAX):
            page = self.client.conversations_history(channel=self.channel, limit=200, cursor=cursor)
            found += [(message["ts"], message["text"]) for message in page["messages"] if "subtype" not in message]
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                break
        return found[::-1]
