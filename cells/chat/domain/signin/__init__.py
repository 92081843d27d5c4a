"""How people prove who they are: passwords, links by mail, codes of a second factor; what keeps guessers out."""
