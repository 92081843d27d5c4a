"""What each person likes to have their client do."""
