"""What every use of lifetime value returns: a table, a list of customers where there is one, and both as CSV."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pandas as pd

from clvmodels.errors import ClvError
from clvmodels.files import atomically
from clvmodels.uses.words import Language, headings
from clvmodels.value.totals import readable


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class UseOfValue:
    """Base of the uses of lifetime value.

    Attributes
    ----------
    summary
        The table; see the function that made it.
    customers
        One row per customer, or None where the use has no such list.
    notes
        What to know when reading them.
    currency
        Of all amounts, None if not known.
    """

    title: ClassVar[str]

    summary: pd.DataFrame = field(repr=False)
    customers: pd.DataFrame | None = field(repr=False)
    notes: tuple[str, ...]
    currency: str | None

    def table(self, *, lang: Language = "en") -> pd.DataFrame:
        """The table, with English or Korean headings."""
        return self.summary.rename(columns=headings(self.summary.columns, lang))

    def per_customer(self, *, lang: Language = "en") -> pd.DataFrame:
        """One row per customer, with English or Korean headings; a `ClvError` where the use has no such list."""
        if self.customers is None:
            raise ClvError(f"{self.title} has no list of customers. Its numbers are in table().")
        return self.customers.rename(columns=headings(self.customers.columns, lang))

    def to_csv(self, path: str | Path, *, lang: Language = "en", summary: bool = False) -> Path:
        """Write the list of customers, or the table where there is none; the file appears whole or not at all.

        Parameters
        ----------
        path
            Where to.
        lang
            Of the headings; a Korean file begins with a byte-order mark, without which spreadsheets misread it.
        summary
            Write the table even where there is a list of customers.

        Returns
        -------
        Path of the file
        """
        frame = self.table(lang=lang) if summary or self.customers is None else self.per_customer(lang=lang)
        target = Path(path)
        with atomically(target) as temporary:
            frame.to_csv(temporary, index=False, encoding="utf-8-sig" if lang == "ko" else "utf-8")
        return target

    def __repr__(self) -> str:
        return "\n".join([self.title, self._shown().to_string(index=False), *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{note}</li>" for note in self.notes)
        return f"<b>{self.title}</b>{self._shown().to_html(index=False)}<ul>{notes}</ul>"

    def _shown(self) -> pd.DataFrame:
        shown = self.summary.astype(object)
        for name in self.summary.select_dtypes("number"):
            whole = pd.api.types.is_integer_dtype(self.summary[name])
            shown[name] = self.summary[name].map("{:,}".format) if whole else readable(self.summary[[name]])[name]
        return shown
