"""What forecasts are worth: scores, the comparison on a holdout, calibration of intervals, tracking over time."""
