"""The warning that the data layer gives; apart from the rest so that it can be imported and filtered on its own."""

from __future__ import annotations


class DataWarning(UserWarning):
    """Something in the data that a result had to leave out, such as lines that belong to no customer."""
