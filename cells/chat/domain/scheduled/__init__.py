"""Messages that are sent later: kept as written, posted by their time in the transaction that takes them off the list."""
