"""Renderings of a run: each module turns a `Report` into the text of one format; nothing from a document is trusted."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

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
    "gx": "great_expectations",
}
"""Format name on the command line -> module in this folder, and its function where that is not `render`."""


def render(report: Report, format: str) -> bytes:
    """The report in this format as UTF-8. Nothing but the report decides its bytes."""
    if format not in FORMATS:
        raise ConfigError(f"unknown format '{format}'{suggestion(format, FORMATS)}")
    name, _, function = FORMATS[format].partition(":")
    text: str = getattr(import_module(f"auditkit.outputs.{name}"), function or "render")(report)
    return text.encode("utf-8")


def write(report: Report, format: str, out: Path) -> None:
    """The report as the file `out`. `gx` becomes a folder where `out` is one, or has no suffix, and holds Data Docs."""
    if format == "gx" and (out.is_dir() or not out.suffix):
        import_module("auditkit.outputs.great_expectations").write_folder(report, out)
    else:
        out.write_bytes(render(report, format))
