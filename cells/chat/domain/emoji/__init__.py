"""Emoji that a workspace made itself."""
