"""Saying the same again and again, or flooding with links: let through, then slowed, then refused."""
