"""Words around findings and differences of near-copies: read back from the run folder, masked like evidence."""

from __future__ import annotations

import json
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit import gate
from auditkit.outputs import render
from auditkit.quoting import with_texts
from auditkit.report_data import read_report
from auditkit.report_data.quotes import difference, quote
from auditkit.run_folder import verify

FILLER = (
    "the mill stands by the river and grinds rye for the whole valley every autumn until the first snow falls on it "
)
SECRETS = ("mary.poppins", "bert.brown", "212-555-0188", "AKIAZZTOPSECRET99")
ROWS = [
    {"id": "pair", "text": "Please write to mary.poppins@acme-corp.com or to bert.brown@acme-corp.com before noon."},
    {"id": "stays", "text": FILLER * 2 + "and the miller sings while he works at the wheel"},
    {"id": "copy", "text": FILLER * 2 + "and the <b>miller</b> hums, ask mary.poppins@acme-corp.com, while he works at the wheel"},
    {"id": "near", "text": "The code AKIAZZTOPSECRET99 stands beside bert.brown@acme-corp.com in the ledger, call x."},
    {"id": "cut", "text": "Only bert.brown@acme-corp.com knows, and this row is redacted."},
]  # fmt: skip
CHECKERS = {
    "pii": {"entities": ["EMAIL_ADDRESS"], "action": "flag"},
    "near_duplicates": {"threshold": 0.5, "action": "drop"},
}


@pytest.fixture(params=["a.jsonl", "a.parquet", "a.csv"])
def run(request, write, tmp_path):
    """A finished run over the same rows in one of three formats."""
    path = tmp_path / request.param
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif path.suffix == ".csv":
        write(path.name, ["id,text", *(f'{row["id"]},"{row["text"]}"' for row in ROWS)])
    else:
        write(path.name, ROWS)
    gate(path, {"version": 1, "checkers": CHECKERS}, out=tmp_path / "run")
    return tmp_path / "run"


def quotes_of(run, **options):
    report = with_texts(read_report(run), run, **options)
    found = [row for row in report.located.to_pylist() if row["checker"] == "pii"]
    return report, {(row["id"], row["start"]): quote(report, row, row["evidence"]) for row in found}


def test_words_around_a_finding_are_shown_and_other_private_data_in_them_is_not(run):
    _, quotes = quotes_of(run)
    first = quotes["pair", 16]
    assert (first.before, first.evidence) == ("Please write to ", "m***@a***.com")
    assert first.after == " or to *** before noon."
    assert first.raw == ""
    near = next(value for key, value in quotes.items() if key[0] == "near")
    assert near.before == "The code *** stands beside ", "what looks telling is masked although no rule found it"


def test_words_that_begin_as_names_do_are_masked_where_private_data_is(write, tmp_path):
    text = "Yesterday Anna Smith of\nRome said: mail bert.brown@acme-corp.com. Then Berta left the USA. Nobody knows."
    rows = [{"id": "a", "text": text}, {"id": "b", "text": "Then Berta called him a fucking idiot in Rome."}]
    checkers = {"pii": {"entities": ["EMAIL_ADDRESS"], "action": "flag"}, "toxicity": {"action": "flag"}}
    gate(write("a.jsonl", rows), {"version": 1, "checkers": checkers}, out=tmp_path / "run")
    _, quotes = quotes_of(tmp_path / "run")
    (shown,) = quotes.values()
    assert shown.before == "Yesterday A*** S*** of R*** said: mail "
    assert shown.after == ". Then B*** left the USA. Nobody knows."
    assert "Berta" in (tmp_path / "run/report.html").read_text(), "no private data was found in the other row"


def test_how_a_removed_copy_differs(run):
    report, _ = quotes_of(run)
    name = report.manifest["inputs"][0]["path"]
    found = difference(report, (name, 2), (name, 1))
    assert next(piece.text for piece in found.pieces if piece.kind == "left").startswith("<b>miller</b> hums,")
    assert found.only_removed == ["miller sings"]
    assert not any("mary" in piece.text for piece in found.pieces)
    assert difference(report, (name, 2), (name, 99)) is None


def test_the_page_of_a_run_quotes_without_showing_anything(run):
    page = (run / "report.html").read_text()
    assert "Please write to" in page
    assert 'class="difference"' in page
    assert "&lt;b&gt;miller&lt;/b&gt;" in page
    for secret in SECRETS:
        assert secret not in page


def test_raw_text_comes_only_when_asked_for_into_a_file_of_ones_own(run, command, tmp_path):
    done = command("report", run, "--evidence", "raw", "--out", "raw.html")
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "raw.html").read_text()
    assert "This page holds raw text" in page
    assert "show raw text" in page
    for secret in ("mary.poppins@acme-corp.com", "bert.brown@acme-corp.com"):
        assert secret in page
    assert (tmp_path / "raw.html").stat().st_mode & 0o777 == 0o600
    assert verify(run) == []
    assert command("report", run, "--evidence", "raw").returncode == 2
    assert command("report", run, "--evidence", "raw", "--format", "markdown", "--out", "r.md").returncode == 2
    assert "raw text" not in render(with_texts(read_report(run), run), "html").decode()


def test_a_redacted_row_is_not_quoted(write, tmp_path):
    checkers = {"pii": {"entities": ["EMAIL_ADDRESS"], "action": "redact"}}
    gate(write("a.jsonl", ROWS), {"version": 1, "checkers": checkers}, out=tmp_path / "run")
    report, quotes = quotes_of(tmp_path / "run", raw=True)
    assert report.texts == {}
    assert set(quotes.values()) == {None}


def test_a_run_without_its_corpus_is_still_shown(run):
    before = read_report(run)
    for path in [*(run / "kept").iterdir(), *(run / "dropped").iterdir()]:
        path.unlink()
    assert with_texts(before, run).texts == {}
    assert b"findings" in render(with_texts(before, run), "html")


def test_slurs_beside_a_finding_are_masked(write, tmp_path):
    rows = [
        {
            "id": "a",
            "text": "You are a stupid fucking idiot and everybody hates you, #shitshow, two hoes, write to bert.brown@acme-corp.com now",
        }
    ]
    checkers = {"toxicity": {"action": "flag"}, "pii": {"entities": ["EMAIL_ADDRESS"], "action": "flag"}}
    gate(write("a.jsonl", rows), {"version": 1, "checkers": checkers}, out=tmp_path / "run")
    findings = read_report(tmp_path / "run").findings.to_pylist()
    bad = {rows[0]["text"][row["start"] : row["end"]] for row in findings if row["checker"] == "toxicity"}
    assert bad
    page = (tmp_path / "run/report.html").read_text()
    assert "everybody" in page
    assert not any(word in page.split("findings-data")[0] for word in (*bad, "#shitshow", "hoes"))
    assert "#s***" in page
    assert json.loads((tmp_path / "run/manifest.json").read_text())["verdict"]


def test_one_endless_word_takes_no_endless_time(write, tmp_path):
    word = "fuc" * 400_000
    rows = [{"id": str(n), "text": f"{FILLER} bert.brown@acme-corp.com {word}{'k' * n}"} for n in range(2)]
    gate(write("a.jsonl", rows), {"version": 1, "checkers": CHECKERS}, out=tmp_path / "run")
    started = time.process_time()
    render(with_texts(read_report(tmp_path / "run"), tmp_path / "run"), "html")
    assert time.process_time() - started < 10


def test_columns_that_stay_on_disk_change_no_page(run):
    """More row groups than one, and rows whose line is another than their number says (a blank line in the CSV)."""
    for name in ("findings", "documents"):
        table = pq.read_table(run / f"{name}.parquet")
        pq.write_table(table, run / f"{name}.parquet", row_group_size=2)
    lines = pa.table({"file": pq.read_table(run / "findings.parquet")["file"][:1], "row": [0], "line": [7]})
    pq.write_table(lines, run / "lines.parquet")
    for format_ in ("html", "markdown", "text"):
        pages = [render(with_texts(read_report(run, whole=whole), run), format_) for whole in (True, False)]
        assert pages[0] == pages[1], format_
    assert b'"line":' in pages[0] or format_ == "text"
