"""What somebody has not read yet, and where they are called. Counted by index when asked; nothing is stored a member and message."""
