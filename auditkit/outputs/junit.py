"""JUnit XML for CI systems: one test case per gate, per checker's coverage and per rule.

Every text passes `words.plain`, which leaves no character that XML 1.0 forbids.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from auditkit.report_data import Report, Row
from auditkit.report_data.views import RuleCount, gaps_of, not_whole, rule_counts
from auditkit.report_data.words import bound, gate_name, message, plain

SHOWN = 20  # findings listed per rule; the report holds the rest
BROKEN = {"fail": "failure", "unknown": "error"}


def render(report: Report) -> str:
    """`<testsuites>` with suites gates, coverage and findings; a rule's case fails only when no gate judges (scan)."""
    suites = [
        _suite("gates", [_gate_case(gate) for gate in report.gates]),
        _suite("coverage", [_coverage_case(report, checker) for checker in report.checkers]),
        _suite("findings", list(_rule_cases(report))),
    ]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *suites, "</testsuites>", ""])


def _suite(name: str, cases: list[str]) -> str:
    failures = sum("<failure" in case for case in cases)
    errors = sum("<error" in case for case in cases)
    head = (
        f'<testsuite name="auditkit.{name}" tests="{len(cases)}" failures="{failures}" errors="{errors}" skipped="0">'
    )
    return "\n".join([head, *cases, "</testsuite>"])


def _case(suite: str, name: str, *, broken: str = "", text: str = "", output: str = "") -> str:
    """A test case; `broken` is failure, error or nothing."""
    inner = f"<{broken} message={_attribute(text)}/>" if broken else ""
    inner += f"<system-out>{escape(output)}</system-out>" if output else ""
    return f'<testcase classname="auditkit.{suite}" name={_attribute(name)}>{inner}</testcase>'


def _gate_case(gate: Row) -> str:
    undecided = gate["status"] == "undecided" and gate["on_undecided"] == "fail"
    broken = "failure" if undecided else BROKEN.get(gate["status"], "")
    return _case(
        "gates", f"{gate_name(gate)} {bound(gate)}", broken=broken, text=gate["reason"], output=plain(gate["reason"])
    )


def _coverage_case(report: Report, checker: Row) -> str:
    gaps = gaps_of(report, str(checker["name"]))
    said = f"looked at {checker['looked']:,} of {checker['of']:,} documents"
    output = "\n".join(f"{plain(gap['file'])} from row {gap['first_row']}: {plain(gap['reason'])}" for gap in gaps)
    broken = "error" if not_whole(report, checker) else ""
    return _case("coverage", f"{checker['name']} {said}", broken=broken, text=said, output=output)


def _rule_cases(report: Report) -> Iterator[str]:
    examples = _examples(report)
    for rule in rule_counts(report):
        open_ = rule.findings - rule.waived
        text = f"{rule.findings:,} findings in {rule.documents:,} documents, {rule.waived:,} waived"
        broken = "failure" if open_ and not report.gates else ""
        yield _case("findings", rule.rule, broken=broken, text=text, output="\n".join([text, *examples[_key(rule)]]))


def _key(rule: RuleCount) -> tuple[str, str]:
    return rule.checker, rule.rule


def _examples(report: Report) -> dict[tuple[str, str], list[str]]:
    """The worst findings of each rule as linter lines."""
    shown: dict[tuple[str, str], list[str]] = {}
    for row in report.worst().to_pylist():
        lines = shown.setdefault((row["checker"], row["rule"]), [])
        if len(lines) < SHOWN:
            lines.append(f"{plain(report.path(row['file']))}:{row['line']}: {message(row, report.rules)}")
    return shown


def _attribute(text: object) -> str:
    return quoteattr(plain(text, limit=1000))
