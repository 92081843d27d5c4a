"""Finding what was said: a query language, and two engines that answer it behind one interface. Knows nothing of chat's rules:
who may see what is handed in with every question."""
