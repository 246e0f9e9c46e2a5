"""A figure that shows itself in a notebook and becomes bytes for a page. Importing this file imports matplotlib."""

from __future__ import annotations

import io

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text


class Picture(Figure):
    """A matplotlib figure that needs no pyplot to be seen: notebooks show it, `png` and `svg` are files in memory."""

    caption: str = ""
    around: tuple[Text, ...] = ()

    @property
    def message(self) -> str:
        """The title, on one line."""
        return " ".join(self.get_suptitle().split())

    def png(self, *, dpi: float = 150) -> bytes:
        return self._saved("png", dpi=dpi)

    def svg(self, *, bare: bool = False) -> bytes:
        """`bare` leaves out title and caption, for pages that set them as text."""
        texts = self.around if bare else ()
        for text in texts:
            text.set_visible(False)
            text.set_in_layout(False)
        try:
            return self._saved("svg", dpi=150)
        finally:
            for text in texts:
                text.set_visible(True)
                text.set_in_layout(True)

    def _repr_png_(self) -> bytes:
        return self.png(dpi=110)

    def _saved(self, kind: str, *, dpi: float) -> bytes:
        """The same bytes for the same figure drawn again: no date, and ids that do not change."""
        buffer = io.BytesIO()
        with rc_context({"svg.hashsalt": "clvmodels", "svg.fonttype": "path"}):
            self.savefig(buffer, format=kind, dpi=dpi, metadata={"Date": None} if kind == "svg" else None)
        return buffer.getvalue()
