"""What the workspace itself says to one person: a direct message from its built-in bot."""
