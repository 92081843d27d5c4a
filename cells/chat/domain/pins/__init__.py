"""Messages that a channel keeps at hand."""
