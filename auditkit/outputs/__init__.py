"""Renderings of a run: each module turns a `Report` into the text of one format; nothing from a document is trusted."""

from __future__ import annotations

from importlib import import_module

from auditkit.errors import ConfigError, suggestion
from auditkit.report_data import Report

FORMATS = {
    "text": "terminal",
    "html": "html",
    "markdown": "markdown",
    "json": "json",
    "sarif": "sarif",
    "github": "github",
    "junit": "junit",
    "csv": "csv",
    "card": "markdown:card",
    "croissant": "croissant",
}
"""Format name on the command line -> module in this folder, and its function where that is not `render`."""


def render(report: Report, format: str) -> bytes:
    """The report in this format as UTF-8. Nothing but the report decides its bytes."""
    if format not in FORMATS:
        raise ConfigError(f"unknown format '{format}'{suggestion(format, FORMATS)}")
    name, _, function = FORMATS[format].partition(":")
    text: str = getattr(import_module(f"auditkit.outputs.{name}"), function or "render")(report)
    return text.encode("utf-8")
