"""Why a line is not JSON is said in the same words by every Python."""

from __future__ import annotations

import pytest

from auditkit.text.strict_json import Refused, strict_object

COMMA = "not JSON: a comma before the end of a list or object at character"
REASONS = {
    '{"a": 1,}': f"{COMMA} 7",
    '{"a": 1 ,\t }': f"{COMMA} 8",
    '{"a": [1, ]}': f"{COMMA} 8",
    "[1,]": f"{COMMA} 2",
    '{"a": [{"b": [2,\n]}]}': f"{COMMA} 15",
    '{"a": 1,]': "not JSON: expecting property name enclosed in double quotes at character 8",
    '{"a": [1,}': "not JSON: expecting value at character 9",
    "{,}": "not JSON: expecting property name enclosed in double quotes at character 1",
    "[,]": "not JSON: expecting value at character 1",
    '{"a": 1,,}': "not JSON: expecting property name enclosed in double quotes at character 8",
    '{"a": 1,': "not JSON: expecting property name enclosed in double quotes at character 8",
    "[1,": "not JSON: expecting value at character 3",
    "{a: 1}": "not JSON: expecting property name enclosed in double quotes at character 1",
    '{"a" 1}': "not JSON: expecting ':' delimiter at character 5",
    '{"a": "b" "c"}': "not JSON: expecting ',' delimiter at character 10",
    '{"a": }': "not JSON: expecting value at character 6",
    '{"a": "\x01"}': "not JSON: invalid control character at character 7",
    '{"a": "\\q"}': "not JSON: invalid \\escape at character 7",
    '{"a": "\\u12"}': "not JSON: invalid \\uXXXX escape at character 8",
    '{"a": "b': "not JSON: unterminated string starting at character 6",
    '{"a": 1} x': "something follows the value at character 9: two records on one line?",
    "": "not JSON: expecting value at character 0",
}


@pytest.mark.parametrize(("line", "reason"), REASONS.items(), ids=map(str, range(len(REASONS))))
def test_a_line_that_is_no_json(line, reason):
    with pytest.raises(Refused) as error:
        strict_object(line.encode(), 100)
    assert str(error.value) == reason
