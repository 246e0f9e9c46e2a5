"""How long and how often: models of purchasing until an unseen end."""
