"""Python code in answers is judged alike by every Python, so that the same answers fall everywhere."""

from __future__ import annotations

import ast
import time
import warnings

import pytest

from auditkit.checkers.hallucination import python_code
from auditkit.checkers.hallucination.structure import python_syntax
from tests.versions import CODE

F_STRINGS = {
    "f'{a}'": "''",
    'print(f"{row["name"]}", \'f"\')': "print('', 'f\"')",
    'f"{x:\'>{w}}" + y': "'' + y",
    "f'{{x' 'y{z}'": "'' 'y{z}'",
    "rf'\\{x}'": "''",
    'f"""a "b" {c}\n"""': "''",
    'f"{f"{f"{1}"}"}"': "''",
    "f'{d[1:2]!r:>4}'": "''",
    "x = {1}  # f'{": "x = {1}  # f'{",
    "'it{' \"is\" f'{a}'": "'it{' \"is\" ''",
    "f'{x": "f'{x",
    "f'{x\n}'": "''",
    "f'a\nb{c}'": "f'a\nb{c}'",
}


@pytest.mark.parametrize(("code", "plain"), F_STRINGS.items(), ids=map(str, range(len(F_STRINGS))))
def test_f_strings_are_emptied_whatever_stands_in_them(code, plain):
    assert python_code.common(code) == plain


def test_old_except_is_an_error_for_every_python_and_a_text_stays_a_text():
    assert python_code.common("except A, e:") == "except A,, e:"
    assert python_code.common("except (A, B):") == "except (A, B):"
    ast.parse(python_code.common('"""\nexcept A, e:\n"""'))


BROKEN = {"f'{x", "def f(a)\n    return f'{a}'", "print(1", "try:\n    f()\nexcept A, e:\n    g()"}


@pytest.mark.parametrize("code", CODE, ids=map(str, range(len(CODE))))
def test_what_versions_of_python_parse_differently_is_judged_alike(code):
    from auditkit.checkers.hallucination.artefacts import Rows
    from auditkit.documents import Text, batch_of

    response = f"```python\n{code}\n```"
    batch = batch_of([Text(0, "r", "response", response)], [{"doc": 0}])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = list(python_syntax(Rows(batch)))
    assert bool(found) == (code in BROKEN)


@pytest.mark.parametrize("unit", ["f'{x}' ", "f'{", "'a' ", "{", "except A\n", "type x \n", "\\N{", '"""'])
def test_time_is_linear(unit):
    def seconds(n):
        text = unit * (n // len(unit))
        started = time.process_time()
        python_code.later(python_code.common("{" + text))
        return time.process_time() - started

    seconds(1000)
    assert seconds(400_000) < 2 + 8 * seconds(100_000)
