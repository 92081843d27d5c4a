"""Apps' bots, as far as messages need them; installing apps comes with the apps themselves."""
