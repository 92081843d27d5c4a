"""Slack's export format (https://slack.com/help/articles/220556107): workspaces come in and go out by it."""
