"""Stable numerical pieces that several models share."""
