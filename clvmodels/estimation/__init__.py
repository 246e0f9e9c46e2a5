"""Engines that turn a model and data into a fit, and the fit itself."""
