"""What messages said before they were changed or deleted, for those who must be able to tell."""
