"""Hostile names and texts reach no rendering raw, and stay data in each target's own grammar."""

from __future__ import annotations

import csv as csv_reader
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from samples import HOSTILE

from auditkit import outputs
from auditkit.findings import FINDINGS, detail
from auditkit.outputs import csv, github, markdown, sarif, terminal
from auditkit.report_data import Report

FORMATS = sorted(set(outputs.FORMATS) - {"gx"})  # Great Expectations is slow to load and has tests of its own
RAW = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff]")


@pytest.mark.parametrize("format", FORMATS)
def test_no_control_or_bidi_character_is_raw(format: str, hostile: Report) -> None:
    text = outputs.render(hostile, format).decode("utf-8")
    assert sorted(set(RAW.findall(text))) == []


@pytest.mark.parametrize("format", FORMATS)
def test_same_report_same_bytes(format: str, report: Report) -> None:
    assert outputs.render(report, format) == outputs.render(report, format)


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_without_findings_renders(format: str, empty: Report) -> None:
    assert outputs.render(empty, format)


class Tags(HTMLParser):
    """Every start tag with its attributes, and the text of script and style elements."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside = ""
        self.code: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside = tag
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.code[-1] += data


def tags_of(report: Report) -> Tags:
    parser = Tags()
    parser.feed(outputs.render(report, "html").decode())
    return parser


def test_html_has_only_our_elements(hostile: Report) -> None:
    tags = tags_of(hostile).tags
    names = [name for name, _ in tags]
    assert names.count("script") == 2  # the data block and the one script
    assert names.count("style") == 1
    assert not {"img", "iframe", "object", "embed", "form", "base", "video", "use", "foreignobject"} & set(names)


def test_html_attributes_run_and_load_nothing(hostile: Report) -> None:
    for _, attributes in tags_of(hostile).tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset")]
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))


def test_html_data_block_is_json_and_cannot_end_early(hostile: Report) -> None:
    code = tags_of(hostile).code
    found = json.loads(code[1])
    assert len(found["columns"]["rule"]) == len(HOSTILE)
    assert not set("<>&") & set(code[1])


def test_html_policy_admits_one_style_and_one_script(report: Report) -> None:
    metas = [attributes for name, attributes in tags_of(report).tags if name == "meta"]
    (policy,) = [meta["content"] or "" for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert re.search(r"style-src 'sha256-[A-Za-z0-9+/=]{44}';", policy)
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}';", policy)
    assert "unsafe" not in policy


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_markdown_shows_data_as_code_only(text: str) -> None:
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = rendered.parse(f"| a | b |\n| --- | --- |\n| {markdown.code(text)} | {markdown.code(text)} |\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    for cell in cells[2:]:
        assert [child.type for child in cell.children or []] == ["code_inline"]


def test_markdown_report_has_no_link_image_or_html(hostile: Report) -> None:
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table")
    kinds = set()
    for token in rendered.parse(outputs.render(hostile, "markdown").decode()):
        kinds |= {token.type, *(child.type for child in token.children or [])}
    assert not {"html_block", "html_inline", "link_open", "image", "fence", "blockquote_open", "hr"} & kinds


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "\u200b=1"])
def test_csv_formula_becomes_text(text: str) -> None:
    assert csv.cell(text)[0] in "'\\"  # an apostrophe, or a hidden character made visible


def test_csv_reads_back_with_one_row_per_finding(hostile: Report) -> None:
    rows = list(csv_reader.DictReader(io.StringIO(outputs.render(hostile, "csv").decode(), newline="")))
    assert len(rows) == len(HOSTILE)
    assert not [value for row in rows for value in row.values() if value.lstrip().startswith(("=", "+", "-", "@"))]


def test_sarif_uris_are_relative_and_encoded(hostile: Report) -> None:
    (run,) = json.loads(outputs.render(hostile, "sarif"))["runs"]
    for result in run["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9_.~/%-]+", uri)
        assert not urlsplit(uri).scheme
        assert not uri.startswith("/")


def test_sarif_uri_round_trips() -> None:
    assert unquote(sarif.uri("/a b/ü:#?.jsonl")) == "a b/ü:#?.jsonl"


def test_github_lines_are_one_command_each(hostile: Report) -> None:
    lines = outputs.render(hostile, "github").decode().splitlines()
    assert len(lines) > len(HOSTILE)
    for line in lines:
        assert re.fullmatch(r"::(error|warning|notice) ([a-z]+=[^:,]*,?)+::(?:(?!::|##).)*", line)


def test_github_escapes_what_the_runner_decodes() -> None:
    assert github.command("error", "a:b,c", "50%\n::x") == r"::error title=a%3Ab%2Cc::50%25\x0a:\x3ax"


def test_junit_is_well_formed_and_counts_add_up(hostile: Report) -> None:
    root = ET.fromstring(outputs.render(hostile, "junit").decode())
    for suite in root.iter("testsuite"):
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert int(suite.attrib["errors"]) == len(suite.findall("testcase/error"))


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"])
def test_text_has_no_escape_and_fits_80_columns(
    variable: str, hostile: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    text = terminal.render(hostile) + terminal.lines(hostile)
    assert "\x1b" not in text
    assert max(len(line) for line in terminal.render(hostile).splitlines()) <= 80


def test_text_holds_no_workflow_command(hostile: Report) -> None:
    text = terminal.render(hostile) + terminal.lines(hostile)
    assert "::" not in text
    assert "##" not in text


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.text(max_size=30), min_size=4, max_size=4))
def test_any_text_anywhere_leaves_every_rendering_well_formed(texts: list[str]) -> None:
    report = samples.sample(n_rows=12, n_findings=0)
    id_, field, rule, evidence = (text.encode("utf-8", "replace").decode() for text in texts)
    row = {"file": f"{id_}.jsonl", "row": 0, "id": id_, "field": field, "checker": "pii", "rule": f"pii/{rule}"}
    row |= {"start": 0, "end": 1, "score": 0.5, "severity": "high", "action": "drop", "evidence": evidence}
    row |= {"group": None, "detail": detail(text=evidence), "waived": False}
    made = replace(report, findings=pa.Table.from_pylist([row], schema=FINDINGS))
    for name in FORMATS:
        text = outputs.render(made, name).decode("utf-8")
        assert RAW.findall(text) == []
    ET.fromstring(outputs.render(made, "junit"))
    json.loads(outputs.render(made, "sarif"))
    assert [name for name, _ in tags_of(made).tags].count("script") == 2
    assert len(list(csv_reader.reader(io.StringIO(outputs.render(made, "csv").decode(), newline="")))) == 2
    assert outputs.render(made, "github").decode().count("\n::error ") + 1 >= 2
