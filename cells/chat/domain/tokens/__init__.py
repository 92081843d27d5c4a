"""Bearer tokens: only their SHA-256 is stored."""
