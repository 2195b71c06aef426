"""HTML built so that what is not markup cannot become markup: only `Html` passes unescaped, and only `el` makes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from auditkit.report_data import Row
from auditkit.report_data.words import plain

VOID = frozenset({"input", "br"})
SHAPES = frozenset({"line", "rect", "circle", "path"})  # of SVG: closed in themselves
MAX_TEXT = 2000  # characters of one text node; data is cut much shorter before it comes here


MARKS = {"pass": "✓", "fail": "✗", "incomplete": "!", "undecided": "?", "unknown": "!", "none": "·"}
WORDS = {"none": "no gate", "incomplete": "not complete"}


class Html(str):
    """Markup that is safe to put into the page as it is."""

    __slots__ = ()


Child = Html | str | int | None


def text(value: object) -> Html:
    """Any value as an escaped text node without control, bidi or invisible characters."""
    return Html(escape(plain(value, limit=MAX_TEXT), quote=True))


def join(parts: Iterable[Child], between: str = "") -> Html:
    """Parts one after another; those that are not markup are escaped, None is left out."""
    return Html(between.join(part if isinstance(part, Html) else text(part) for part in parts if part is not None))


def el(name: str, *children: Child, **attributes: object) -> Html:
    """An element. Attribute names are ours: `class_` is `class`, `_` is `-`; a value of None or False leaves it out."""
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in SHAPES:
        return Html(f"<{name}{shown}/>")
    end = "" if name in VOID else f"</{name}>"
    return Html(f"<{name}{shown}>{join(children)}{end}")


NONE = el("span", "–", class_="none")


LONG_WORD = 40  # characters without a space, above which it may break anywhere


def data(value: object, *, limit: int = 120, **attributes: object) -> Html:
    """Text from a document, a file name or a plug-in: isolated, so that it cannot reorder what is around it."""
    if value in (None, ""):
        return NONE
    shown = plain(value, limit=limit)
    long = any(len(word) > LONG_WORD for word in shown.split())
    return el("bdi", shown, class_="long" if long else None, **attributes)


def block(value: str) -> Html:
    """Several lines as they are, each made plain."""
    return el("pre", join((plain(line, limit=MAX_TEXT) for line in value.split("\n")), "\n"))


def table(caption: str, head: Sequence[Child], rows: Iterable[Sequence[Child]], *, numbers: Sequence[int] = ()) -> Html:
    """A table in a box that scrolls sideways; first cells are row headers. numbers: columns aligned right.

    A column in which no row has anything is left out.
    """
    lines = list(rows)
    shown = [place for place in range(len(head)) if any(line[place] not in (NONE, "", None) for line in lines)]
    titles = {place: head[place] for place in shown}
    right = set(numbers)
    top = el("tr", *(_head(titles[place], right=place in right) for place in shown))
    body = [
        el("tr", *(_cell(line[place], titles[place], right=place in right, first=place == 0) for place in shown))
        for line in lines
    ]
    made = el("table", el("caption", caption), el("thead", top), el("tbody", *body))
    return el("div", made, class_="scroll", tabindex=0, role="group", aria_label=caption)


def _head(title: Child, *, right: bool) -> Html:
    return el("th", title, scope="col", class_="number" if right else None) if title else el("td")


def _cell(content: Child, title: Child, *, right: bool, first: bool) -> Html:
    class_ = "number" if right else None
    if first:
        return el("th", content, scope="row", class_=class_)
    return el("td", content, class_=class_, data_label=title or "")


def more(summary: str, *children: Child) -> Html:
    """What is folded away until it is asked for; open in print."""
    return el("details", el("summary", summary), *children)


def mark(status: str) -> Html:
    """The sign of a status with its word, so that colour is never the only carrier."""
    shown = MARKS.get(status, "!")
    return el(
        "span", el("span", shown, aria_hidden="true"), " ", WORDS.get(status, status), class_=f"mark {plain(status)}"
    )


def document(row: Row) -> Html:
    """Where a finding is: file, row and the document's own id."""
    if row["row"] is None:
        return el("span", "whole corpus", class_="muted")
    place = [data(row["file"]), " ", el("span", f"row {row['row']}", class_="muted")]
    own = [" ", el("span", "id", class_="muted"), " ", data(row["id"])] if row["id"] else []
    return el("span", *place, *own)


def slug(name: str) -> str:
    """The name as part of an id: other characters than letters, digits, - and _ become -."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in name)
