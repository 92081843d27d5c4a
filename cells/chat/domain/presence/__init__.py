"""Who is here and may be disturbed: what people set is stored, the rest is known from their sockets and may be lost."""
