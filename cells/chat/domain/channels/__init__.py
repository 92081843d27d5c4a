"""Conversations: public and private channels, direct messages, group direct messages."""
