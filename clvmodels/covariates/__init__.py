"""Customers who differ: models with covariates, and models pooled over segments."""
