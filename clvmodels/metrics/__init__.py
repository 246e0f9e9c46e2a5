"""The indicators of customer relationship management, each a documented formula."""
