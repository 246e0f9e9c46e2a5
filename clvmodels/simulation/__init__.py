"""Worlds with known truth, to test methods on."""
