"""Messages, threads, edits. Posting is the hot path: a whole batch takes at most four statements."""
