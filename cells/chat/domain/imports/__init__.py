"""What was brought in from elsewhere: how far an import is, and what it left out."""
