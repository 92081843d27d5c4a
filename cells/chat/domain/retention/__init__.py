"""How long a workspace keeps what is said in it."""
