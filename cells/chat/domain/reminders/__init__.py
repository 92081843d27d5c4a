"""Reminders: a line of text that the workspace's bot says to somebody at a time."""
