"""Real Slack clients: unmodified slack_sdk, told one other base URL."""

import json
import threading
from collections.abc import Callable
from typing import Any

from slack_sdk import WebClient
from slack_sdk.rtm_v2 import RTMClient

from tests.harness.platform import Platform

Event = dict[str, Any]


def web_client(platform: Platform, token: str) -> WebClient:
    return WebClient(token=token, base_url=platform.api)


class Listener:
    """An RTM socket that keeps every event in the order in which the socket gave it."""

    def __init__(self, platform: Platform, token: str) -> None:
        self._arrived = threading.Condition()
        self._events: list[Event] = []
        self.closes: list[int] = []
        self._client = RTMClient(
            token=token,
            base_url=platform.api,
            auto_reconnect_enabled=False,
            on_message_listeners=[self._on_text],
            on_close_listeners=[lambda code, _reason: self.closes.append(code)],
        )

    def __enter__(self) -> "Listener":
        self._client.connect()  # type: ignore[no-untyped-call]  # slack_sdk leaves it untyped
        self.wait_for(lambda event: event.get("type") == "hello")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def events(self, kind: str | None = None) -> list[Event]:
        with self._arrived:
            return [event for event in self._events if kind is None or event.get("type") == kind]

    def wait_for(self, wanted: Callable[[Event], bool], within_s: float = 15) -> Event:
        """The first event that is wanted, past or to come."""
        return self.wait_for_many(wanted, 1, within_s)[0]

    def wait_for_many(self, wanted: Callable[[Event], bool], count: int, within_s: float = 15) -> list[Event]:
        with self._arrived:
            if not self._arrived.wait_for(lambda: sum(map(wanted, self._events)) >= count, within_s):
                raise AssertionError(f"{sum(map(wanted, self._events))} of {count} events within {within_s} s; saw {self._events[-20:]}")
            return [event for event in self._events if wanted(event)]

    def send(self, frame: Event) -> None:
        self._client.send(json.dumps(frame))

    def _on_text(self, text: str) -> None:
        event = json.loads(text)
        with self._arrived:
            self._events.append(event)
            self._arrived.notify_all()
