"""Every rule's examples through the command line: a rule that is dead in the product is found here."""

from __future__ import annotations

import pytest

from .conftest import CHECKERS


@pytest.mark.parametrize("name", CHECKERS)
def test_match_fires_and_clean_does_not(command, name):
    done = command("rules", "test", name)
    assert done.returncode == 0, done.stderr
    assert ", 0 failed" in done.stdout
