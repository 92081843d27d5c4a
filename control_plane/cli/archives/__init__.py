"""Zip files in Slack's export format, read and written a piece at a time."""
