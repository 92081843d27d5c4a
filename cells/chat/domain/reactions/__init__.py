"""Emoji under messages."""
