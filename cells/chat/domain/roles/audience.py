"""Whom an event reaches by what they are."""

FULL_MEMBERS = "full"
"""The group of everyone but guests: what they may find in the list of public channels is told to it."""
