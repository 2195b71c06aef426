"""report.html: one file that a reviewer opens offline, told in the order of their questions.

No network, no inline handler; a Content-Security-Policy admits the one style and the one script by their hashes. All
text passes `elements.text`. Without script everything can be read but the later findings; with it they can be searched,
filtered, sorted and marked.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from string import Template

from auditkit.outputs.html import checkers, findings, provenance, sections, skew
from auditkit.outputs.html.elements import Html, el, join, text
from auditkit.report_data import Report
from auditkit.resources import resource

RAW = "This page holds raw text of the corpus: private data, insults. Show it to nobody who may not see the corpus."


def render(report: Report) -> str:
    """The whole page."""
    style, script = asset("style.css"), asset("script.js")
    embedded, n_embedded = findings.embedded(report)
    body = join(
        [
            el("aside", RAW, class_="banner", aria_label="Warning") if report.raw else None,
            sections.verdict(report),
            _body(report, n_embedded),
        ]
    )
    page = Template(asset("report.html"))
    return page.substitute(
        csp=text(f"default-src 'none'; style-src {source_of(style)}; script-src {source_of(script)}; img-src data:; "
                 "base-uri 'none'; form-action 'none'"),
        title=text(f"auditkit: {report.verdict}"),
        run=text(_run_id(report)),
        style=style,
        body=body,
        findings=embedded,
        script=script,
    )  # fmt: skip


def asset(name: str) -> str:
    """The text of a file of reports/templates/."""
    return resource(f"reports/templates/{name}").read_text(encoding="utf-8")


def source_of(code: str) -> str:
    """A CSP source expression that admits exactly this code."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def _run_id(report: Report) -> str:
    """By what the browser remembers decisions made in this report."""
    return hashlib.sha256(json.dumps(report.manifest, sort_keys=True).encode()).hexdigest()[:16]


def _body(report: Report, n_embedded: int) -> Html:
    """Navigation and every section that has something to say."""
    parts: Sequence[tuple[str, str, str, Html | None]] = (
        ("gates", "Why", "Why: the gates", sections.gates(report)),
        ("coverage", "Looked at", "What was looked at, and what was not", sections.coverage(report)),
        ("flow", "Removed", "What was removed, and why", sections.flow(report)),
        ("changes", "Changed", "What changed since the round before", sections.changes(report)),
        ("checkers", "Checkers", "What each checker found", checkers.section(report)),
        ("precision", "How right", "How right the findings are", sections.precision(report)),
        ("copies", "Near-copies", "Near-copies", checkers.copies(report)),
        ("skew", "Skew", "Whom the corpus speaks of", skew.section(report)),
        ("findings-section", "Findings", "All findings", findings.section(report, n_embedded)),
        ("provenance", "Provenance", "Where this comes from", provenance.provenance(report)),
        ("glossary", "Words", "What the words mean", provenance.glossary()),
    )
    there = [part for part in parts if part[-1] is not None]
    links = [el("a", short, href=f"#{name}") for name, short, _, _ in there]
    shown = [el("section", el("h2", title), content, id=name) for name, _, title, content in there]
    return join([el("nav", *links, aria_label="Sections"), el("main", *shown, id="main")])
