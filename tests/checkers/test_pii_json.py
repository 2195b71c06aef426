"""Texts that are JSON: escapes are no part of a value, and what is redacted is JSON as before."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit import checker
from auditkit.audit import gate
from auditkit.checkers.pii import json_texts
from auditkit.checkers.pii.reference import analyze
from auditkit.checkers.pii.spans import Span
from auditkit.documents import batch_of_texts

EMAIL, CARD = "jane.doe@corp.com", "4539578763621486"
STYLES = ["mask", "label", "hash", "surrogate"]


def found(text, **options):
    table = checker.build("pii", options).check(batch_of_texts([text])).findings
    return [
        (row["rule"], text[row["start"] : row["end"]], json.loads(row["detail"]).get("form"))
        for row in table.to_pylist()
    ]


FOUND = {
    "after a line break": (r'{"note": "a\njane.doe@corp.com"}', [("pii/email", EMAIL, None)]),
    "after a quote": (r'{"note": "\"jane.doe@corp.com\""}', [("pii/email", EMAIL, None)]),
    "in a list": (r'["a\tjane.doe@corp.com"]', [("pii/email", EMAIL, None)]),
    "with an escape inside": (
        r'{"to": "jane.doe\u0040corp.com"}',
        [("pii/email", r"jane.doe\u0040corp.com", "escaped")],
    ),
    "behind a pair": (r'{"to": "\ud83d\ude00 jane.doe@corp.com"}', [("pii/email", EMAIL, None)]),
    "a number": ('{"card": 4539578763621486}', [("pii/credit-card", CARD, "bare")]),
    "a name": (r'{"jane.doe@corp.com": "a\nb"}', [("pii/email", EMAIL, None)]),
    "no JSON: what was cut off": (r'{"note": "a\njane.doe@corp.com', [("pii/email", "njane.doe@corp.com", None)]),
}


@pytest.mark.parametrize(("text", "values"), FOUND.values(), ids=FOUND.keys())
def test_values(text, values):
    assert [one for one in found(text) if one[0] in ("pii/email", "pii/credit-card")] == values


@pytest.mark.parametrize("text", [text for text, _ in FOUND.values()], ids=FOUND.keys())
def test_profile_presidio_finds_what_presidio_finds_in_the_text_as_it_stands(text):
    kinds = ("pii/email", "pii/credit-card")
    own = [(rule, value) for rule, value, _ in found(text, profile="presidio") if rule in kinds]
    theirs = [(one.rule, text[one.start : one.end]) for one in sorted(analyze(text)) if one.rule in kinds]
    assert own == theirs
    assert len(own) == 1 or "u0040" in text


def test_profile_presidio_leaves_json_where_a_number_was(tmp_path):
    """Presidio's own replacement would leave a number's place without quotes."""
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": json.dumps({"card": int(CARD), "n": 1})}) + "\n")
    checkers = {"pii": {"profile": "presidio", "entities": ["CREDIT_CARD"], "action": "redact", "redact": "label"}}
    gate([str(path)], {"version": 1, "checkers": checkers}, out=str(tmp_path / "run"))
    (row,) = map(json.loads, (tmp_path / "run/kept/a.jsonl").read_text().splitlines())
    assert json.loads(row["text"]) == {"card": "[CREDIT_CARD]", "n": 1}


characters = st.characters(exclude_categories=["Cs"])
documents = st.recursive(
    st.integers(0, 99) | st.text(characters, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(characters, max_size=3), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: isinstance(value, list | dict))


@given(documents, st.booleans(), st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_is_cut_out_of_json_leaves_json(value, ascii_only, data):
    text = json.dumps(value, ensure_ascii=ascii_only)
    without = json_texts.resolved([text]).get(0)
    read = without.text if without else text
    start = data.draw(st.integers(0, len(read)))
    end = data.draw(st.integers(start, len(read)))
    spans = json_texts.placed(text, [Span(start, end, "PERSON", 1.0, "pii/person")], without)
    for span in reversed(spans):
        made = json_texts.fitting("*****", span.form)
        text = text[: span.start] + made + text[span.end :]
    json.loads(text)


TOOL = {
    "to": [EMAIL],
    "body": f'Hi,\n{EMAIL}\twrites "call 415-555-2671 or \\ {EMAIL}"\n',
    "card": int(CARD),
    "unicode": f"Zoë 😀 {EMAIL}",
}


def message(arguments):
    calls = [{"id": "c1", "type": "function", "function": {"name": "send", "arguments": arguments}}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def rows():
    plain = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    called = [json.dumps(TOOL, ensure_ascii=ascii_only) for ascii_only in (True, False)]
    escaped = json.dumps(TOOL).replace("@", "\\u0040").replace("/", "\\/")
    return [{"messages": plain}] * 3 + [{"messages": [plain[0], message(text)]} for text in (*called, escaped)]


@pytest.mark.parametrize("style", [*STYLES, "redact"])
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_arguments_of_a_call_are_redacted_and_stay_json(tmp_path, style, kind):
    path = tmp_path / f"chats.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    else:
        pq.write_table(pa.Table.from_pylist(rows()), path)
    policy = {"version": 1, "checkers": {"pii": {"action": "redact", "redact": style}}}
    gate([str(path)], policy, out=str(tmp_path / "run"))
    kept = tmp_path / "run" / "kept" / path.name
    read = (
        pq.read_table(kept).to_pylist() if kind == "parquet" else list(map(json.loads, kept.read_text().splitlines()))
    )
    assert len(read) == 6
    given_back = [json.loads(row["messages"][1]["tool_calls"][0]["function"]["arguments"]) for row in read[3:]]
    for arguments in given_back:
        assert set(arguments) == set(TOOL)
        shown = json.dumps(arguments, ensure_ascii=False)
        assert "jane" not in shown
        assert "corp.com" not in shown
        assert CARD not in shown
        assert arguments["body"].startswith("Hi,\n")
        assert arguments["unicode"].startswith("Zoë 😀 ")
    assert given_back[0] == given_back[1] == given_back[2]
