"""How much: models of the amount of a purchase."""
