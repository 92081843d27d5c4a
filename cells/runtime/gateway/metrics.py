"""What the gateway counts."""

from prometheus_client import Counter, Gauge, Histogram

SESSIONS = Gauge("waggle_gateway_sessions", "Sessions open in this process")
FEEDS = Gauge("waggle_gateway_feeds", "Workspaces this process follows")
EVENTS = Counter("waggle_gateway_events", "Events of the log seen by a feed")
BROADCASTS = Counter("waggle_gateway_broadcasts", "Broadcast frames sent, one a link and event")
EPHEMERALS = Counter("waggle_gateway_ephemerals", "Typing, presence and the like, by link: sent or dropped", ["outcome"])
REFUSALS = Counter("waggle_gateway_refusals", "Sessions not opened", ["reason"])
LINKS_FULL = Counter("waggle_gateway_links_full", "Links cut because their router did not keep up")
REPLAYED = Histogram("waggle_gateway_replay_events", "Events replayed to a resumed session", buckets=(0, 1, 10, 100, 1000, 10_000))
OPENING = Histogram("waggle_gateway_opening_seconds", "From Open to Opened")
