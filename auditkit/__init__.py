"""auditkit: the gate between generate and train.

It reads a corpus, says what is wrong with each document and with the whole, writes a filtered corpus and a report,
and gives a verdict: pass, fail, or incomplete when something was not looked at.

    from auditkit import audit
    result = audit("corpus.jsonl")
    print(result.verdict.word, result.counts)
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditkit.audit import audit, gate
    from auditkit.checker import Checked, Checker, CorpusChecker, Outcome, Rule
    from auditkit.documents import Batch
    from auditkit.errors import AuditkitError
    from auditkit.findings import Metric
    from auditkit.policy import Policy
    from auditkit.result import AuditResult
    from auditkit.verdict import Verdict

__all__ = [
    "AuditResult",
    "AuditkitError",
    "Batch",
    "Checked",
    "Checker",
    "CorpusChecker",
    "Metric",
    "Outcome",
    "Policy",
    "Rule",
    "Verdict",
    "audit",
    "gate",
]

_HOMES = {
    "gate": "audit",
    "AuditResult": "result",
    "AuditkitError": "errors",
    "Batch": "documents",
    "Checked": "checker",
    "Checker": "checker",
    "CorpusChecker": "checker",
    "Outcome": "checker",
    "Rule": "checker",
    "Metric": "findings",
    "Policy": "policy",
    "Verdict": "verdict",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import auditkit` costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'auditkit' has no attribute '{name}'")
    value = getattr(import_module(f"auditkit.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


class _Package(ModuleType):
    """Keeps `auditkit.audit` the function, although importing the module beside it would put the module there."""

    @property
    def audit(self) -> Any:
        """The function `auditkit.audit.audit`."""
        return import_module("auditkit.audit").audit

    @audit.setter
    def audit(self, _module: Any) -> None:
        """The import system binds a submodule to its package; the function stays."""


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
