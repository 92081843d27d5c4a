"""What administrators decide about people: role, switched on or off."""
