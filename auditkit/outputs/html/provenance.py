"""Where the report comes from, and what its words mean."""

from __future__ import annotations

import json

from auditkit.outputs.html.elements import Html, block, data, el, join, more, table
from auditkit.report_data import Report
from auditkit.report_data.words import count, plain, seconds, size

SHOWN_FILES = 200

GLOSSARY = (
    (
        "Verdict",
        "pass, fail, or incomplete. Incomplete means that something was not read or not looked at: never a pass.",
    ),
    ("Gate", "A bound that the policy puts on one number of the corpus. One failed gate fails the corpus."),
    ("Interval", "Where the true value lies, with 95% confidence unless the gate asks for another."),
    (
        "Undecided",
        "The interval crosses the threshold: this corpus is too small to tell. The policy says what follows.",
    ),
    (
        "Gap",
        "A checker that crashed, ran out of time or was missing, on these rows. A gap makes the verdict incomplete.",
    ),
    ("Finding", "One place in a document (or the corpus) that a rule points at, with masked evidence."),
    ("Masked", "At most the first letter and an e-mail's ending are shown; the number of stars tells nothing."),
    ("Kept", "Written to kept/ byte for byte. Redacted: written to kept/ too, with the found spans replaced."),
    ("Dropped", "Written to dropped/ byte for byte, for one or more rules whose action is drop."),
    ("Quarantined", "A row that could not be read as the format promises; it is in quarantine.jsonl with its reason."),
    ("Near-copy", "A document whose word shingles overlap those of another by at least the policy's threshold."),
    ("Certificate", "The proof of a removal as a near-copy: which document stays, and the exact similarity to it."),
    ("Waived", "A reviewer decided to live with this finding; it stays visible and does not count in gates."),
    (
        "Fingerprint",
        "A hash of a document's text, by which a decision finds its document again without holding its text.",
    ),
)


def provenance(report: Report) -> Html:
    """Inputs with hashes, policy, checkers with models, speed, software."""
    manifest = report.manifest
    policy = json.dumps(manifest["policy"], indent=2, ensure_ascii=True, sort_keys=True)
    named = data(manifest["policy"]["name"])
    return join(
        [
            _inputs(report),
            _speed(report),
            _models(report),
            el("p", "Policy ", named, ", SHA-256 ", _hash(manifest["policy_sha256"])),
            more("The policy, resolved", block(policy)),
            el("p", "auditkit ", data(manifest["auditkit"]), _software(report)),
        ]
    )


def _hash(sha256: str) -> Html:
    return el("code", plain(sha256), class_="hash")


def _inputs(report: Report) -> Html:
    rows = [
        (
            data(item["path"]),
            count(item["rows"]),
            size(item["bytes"]),
            data(item["format"]),
            data(item["layout"]["name"]),
            _hash(item["sha256"]),
        )
        for item in report.manifest["inputs"][:SHOWN_FILES]
    ]
    return table("Inputs", ("Input", "Rows", "Size", "Format", "Layout", "SHA-256"), rows, numbers=(1, 2))


def _models(report: Report) -> Html:
    rows = [
        (
            data(checker["name"]),
            data(checker["version"]),
            count(checker["rules"]),
            join(join([data(name), " ", _hash(sha256)]) for name, sha256 in checker["models"].items()),
        )
        for checker in report.manifest["checkers"]
    ]
    return table("Checkers", ("Checker", "Version", "Rules", "Models, SHA-256"), rows, numbers=(2,))


def _software(report: Report) -> Html | None:
    versions = report.run.get("versions", {})
    shown = [join([data(name), " ", data(version)]) for name, version in sorted(versions.items())]
    return join([", on ", join(shown, ", ")]) if shown else None


def _speed(report: Report) -> Html | None:
    """Time and speed per part of the run."""
    run = report.run
    if "wall_s" not in run:
        return None
    parts = {"reading": run.get("reading", {}), **run.get("checkers", {}), "writing": run.get("writing", {})}
    rows = [
        (
            data(name),
            seconds(part.get("cpu_s")),
            seconds(part.get("wall_s")),
            _rate(part.get("bytes"), part.get("cpu_s")),
        )
        for name, part in parts.items()
    ]
    said = f"The run took {seconds(run['wall_s'])} ({seconds(run.get('cpu_s'))} of CPU)"
    said += f" and at most {size(run['peak_rss_bytes'])} of memory." if "peak_rss_bytes" in run else "."
    head = ("Part", "CPU", "Wall", "Speed")
    return join([el("p", said), more("Speed of each part", table("Speed", head, rows, numbers=(1, 2, 3)))])


def _rate(n_bytes: float | None, cpu_s: float | None) -> str:
    return f"{n_bytes / cpu_s / 1e6:.1f} MB/s" if n_bytes and cpu_s else "–"


def glossary() -> Html:
    """The words of this report."""
    return el("dl", *(join([el("dt", word), el("dd", meaning)]) for word, meaning in GLOSSARY), class_="glossary")
