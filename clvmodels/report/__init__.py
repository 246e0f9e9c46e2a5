"""What people look at: figures, and a report in one file."""
