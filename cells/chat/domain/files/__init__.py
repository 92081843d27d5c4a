"""Files: who put them up, where they are shared, who may see them now, and what is still to be done with them."""
