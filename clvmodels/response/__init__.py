"""Which media a customer responds to."""
