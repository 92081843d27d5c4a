"""Finding what was said here: what is stored to be found, who may find it, and how far it is stored."""
