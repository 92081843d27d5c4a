"""What was done to and by accounts, for those who look after the workspace."""
