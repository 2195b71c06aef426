"""HTML built so that what is not markup cannot become markup: only `Html` passes unescaped, and only `el` makes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from auditkit.report_data.words import plain

VOID = frozenset({"input", "br"})
SHAPES = frozenset({"line", "rect", "circle", "path"})  # of SVG: closed in themselves
MAX_TEXT = 2000  # characters of one text node; data is cut much shorter before it comes here


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


def data(value: object, *, limit: int = 120, **attributes: object) -> Html:
    """Text from a document, a file name or a plug-in: isolated, so that it cannot reorder what is around it."""
    return (
        el("bdi", plain(value, limit=limit), **attributes)
        if value not in (None, "")
        else el("span", "–", class_="none")
    )


def block(value: str) -> Html:
    """Several lines as they are, each made plain."""
    return el("pre", join((plain(line, limit=MAX_TEXT) for line in value.split("\n")), "\n"))


def table(
    caption: str,
    head: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    *,
    numbers: Sequence[int] = (),
    class_: str = "",
) -> Html:
    """A table in a box that scrolls sideways; first cells are row headers. numbers: columns aligned right."""
    titles = [title if title is not None else "" for title in head]
    right = set(numbers)
    body = []
    for row in rows:
        cells = [
            el(
                "th" if place == 0 else "td",
                cell,
                scope="row" if place == 0 else None,
                class_="number" if place in right else None,
                data_label=titles[place] if not isinstance(titles[place], Html) else None,
            )
            for place, cell in enumerate(row)
        ]
        body.append(el("tr", *cells))
    top = el(
        "tr",
        *(
            el("th", title, scope="col", class_="number" if place in right else None) if title else el("td")
            for place, title in enumerate(titles)
        ),
    )
    made = el("table", el("caption", caption), el("thead", top), el("tbody", *body), class_=class_ or None)
    return el("div", made, class_="scroll", tabindex=0, role="group", aria_label=caption)


def more(summary: str, *children: Child) -> Html:
    """What is folded away until it is asked for; open in print."""
    return el("details", el("summary", summary), *children)
