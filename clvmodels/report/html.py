"""HTML that cannot be injected into: every text is escaped unless it is already `Html`."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from clvmodels.report.canvas import Picture


class Html(str):
    """Markup that is safe to put on a page."""

    __slots__ = ()


def tag(name: str, *content: str, attributes: Mapping[str, str] | None = None) -> Html:
    """An element; content that is not `Html` is escaped, and so are the values of attributes.

    Examples
    --------
    >>> tag("p", "5 < 6, ", tag("b", "R&D"), attributes={"class": "note"})
    '<p class="note">5 &lt; 6, <b>R&amp;D</b></p>'
    """
    given = "".join(f' {key}="{html.escape(value)}"' for key, value in (attributes or {}).items())
    return Html(f"<{name}{given}>{joined(content)}</{name}>")


def joined(content: Iterable[str]) -> Html:
    """Texts and elements one after the other, the texts escaped."""
    return Html("".join(part if isinstance(part, Html) else html.escape(part) for part in content))


def items(texts: Iterable[str]) -> Html:
    """A list with one entry per text."""
    return tag("ul", *(tag("li", text) for text in texts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> Html:
    """A table that scrolls on narrow screens: the first `texts` columns to the left, numbers to the right."""
    sides = ["text" if k < texts else "number" for k in range(len(head))]
    top = tag("tr", *_cells("th", head, sides))
    body = (tag("tr", *_cells("td", row, sides)) for row in rows)
    whole = tag("table", tag("thead", top), tag("tbody", *body))
    return tag("div", whole, attributes={"class": "scroll", "tabindex": "0"})


def _cells(name: str, row: Sequence[str], sides: Sequence[str]) -> list[Html]:
    return [tag(name, cell, attributes={"class": side}) for cell, side in zip(row, sides, strict=True)]


def figure(picture: Picture) -> Html:
    """A figure with its title and caption as text, the picture itself embedded."""
    data = base64.b64encode(picture.svg(bare=True)).decode("ascii")
    source = f"data:image/svg+xml;base64,{data}"
    alternative = html.escape(f"{picture.message}. {picture.caption}")
    image = Html(f'<img src="{source}" alt="{alternative}">')
    frame = tag("div", image, attributes={"class": "scroll", "tabindex": "0"})
    return tag("figure", tag("h3", picture.message), frame, tag("figcaption", picture.caption))


def page(title: str, body: Html, *, lang: str) -> str:
    """The whole document, with its style inside."""
    look = Html(files("clvmodels.report").joinpath("report.css").read_text(encoding="utf-8"))
    head = joined([
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title), tag("style", look),
    ])  # fmt: skip
    return (
        "<!doctype html>\n"
        + tag("html", tag("head", head), tag("body", tag("main", body)), attributes={"lang": lang})
        + "\n"
    )
