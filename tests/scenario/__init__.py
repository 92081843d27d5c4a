"""One scenario that Slack's own clients play: steps.jsonl, walked by slack_sdk (walk.py) and by @slack/web-api (tests/node/walk.mjs)."""
