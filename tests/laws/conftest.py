"""Every law runs over every registered checker: the six of the package and the two well-behaved plug-ins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins"))

from auditkit.checker import BUILTIN, Checker, CorpusChecker, build, catalogue

catalogue.cache_clear()
CHECKERS = [*BUILTIN, "shouting", "letters"]
_built = {}

settings.register_profile(
    "laws", max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
settings.load_profile("laws")


def built(name):
    """The checker with its defaults, built once."""
    if name not in _built:
        _built[name] = build(name, {})
    return _built[name]


@pytest.fixture(params=CHECKERS)
def checker(request):
    """Every checker."""
    return built(request.param)


@pytest.fixture(params=[name for name in CHECKERS if isinstance(built(name), Checker)])
def document_checker(request):
    """Every checker of kind 1."""
    return built(request.param)


@pytest.fixture(params=[name for name in CHECKERS if isinstance(built(name), CorpusChecker)])
def corpus_checker(request):
    """Every checker of kind 2."""
    return built(request.param)
