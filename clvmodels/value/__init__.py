"""What customers have been worth and will be: simple formulas, realised and potential value, forecast."""
