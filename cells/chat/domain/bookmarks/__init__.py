"""Links in a channel's header."""
