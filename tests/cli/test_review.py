"""Decisions of reviewers: waived findings stay visible, count for nothing, expire; baselines; sign-off."""

from __future__ import annotations

import json
import shutil
import subprocess

import pyarrow.parquet as pq
import pytest

from auditkit import gate
from auditkit.errors import ConfigError, RunFolderError
from auditkit.review import sign, waive, write_baseline
from auditkit.run_folder import verify

ROWS = [{"id": "a", "text": "quiet"}, {"id": "b", "text": "loud!!!"}, {"id": "c", "text": "louder!!!"}]
POLICY = {
    "version": 1,
    "checkers": {"shouting": {"action": "drop"}},
    "gate": [{"metric": "shouting.documents_share", "max": 0.4}],
}


@pytest.fixture
def run(plugins, write, tmp_path):
    """A failed run, and its input."""
    path = write("a.jsonl", ROWS)
    assert gate(path, POLICY, out=tmp_path / "run") == 1
    return path, tmp_path / "run"


def decisions(run, tmp_path, **values):
    """A decisions file on the first finding, as the report lets one download it."""
    documents = {
        (row["file"], row["row"]): row["fingerprint"] for row in pq.read_table(run / "documents.parquet").to_pylist()
    }
    first = pq.read_table(run / "findings.parquet").to_pylist()[0]
    row = {
        "rule": first["rule"], "field": first["field"], "fingerprint": documents[first["file"], first["row"]],
        "decision": "false positive", "reason": "it is a song",
    }  # fmt: skip
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps({"decisions": [row | values]}))
    return path


def test_a_waived_finding_stays_visible_and_counts_for_nothing(run, tmp_path):
    path, folder = run
    waivers = tmp_path / "auditkit-waivers.jsonl"
    said = waive(folder, decisions(folder, tmp_path), waivers, who="Jo", expires="2999-01-01")
    assert "1 decisions merged, 1 in all" in said
    assert "loud" not in waivers.read_text().replace("shouting/loud", ""), "no text of a document"
    assert gate(path, POLICY, out=tmp_path / "again", waivers=waivers) == 0
    findings = pq.read_table(tmp_path / "again/findings.parquet").to_pylist()
    assert [(row["waived"], row["action"]) for row in findings] == [(True, "flag"), (False, "drop")]
    manifest = json.loads((tmp_path / "again/manifest.json").read_text())
    assert manifest["counts"]["dropped"] == 1
    assert manifest["waivers"]["used"] == 1


def test_a_waiver_expires(run, tmp_path):
    path, folder = run
    waivers = tmp_path / "w.jsonl"
    waive(folder, decisions(folder, tmp_path), waivers, who="Jo", expires="2020-01-01")
    assert gate(path, POLICY, out=tmp_path / "again", waivers=waivers) == 1
    assert json.loads((tmp_path / "again/manifest.json").read_text())["waivers"]["n_expired"] == 1


def test_a_waiver_is_void_when_the_text_changes_and_is_reported_unused(run, write, tmp_path):
    _, folder = run
    waivers = tmp_path / "w.jsonl"
    waive(folder, decisions(folder, tmp_path), waivers, who="Jo", expires="")
    changed = write("b/a.jsonl", [ROWS[0], ROWS[1] | {"text": "LOUD!!!"}, ROWS[2]])
    assert gate(changed, POLICY, out=tmp_path / "again", waivers=waivers) == 1
    assert json.loads((tmp_path / "again/manifest.json").read_text())["waivers"]["n_unused"] == 1


def test_must_fix_waives_nothing(run, tmp_path):
    path, folder = run
    waivers = tmp_path / "w.jsonl"
    waive(folder, decisions(folder, tmp_path, decision="must fix"), waivers, who="Jo", expires="")
    assert gate(path, POLICY, out=tmp_path / "again", waivers=waivers) == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"decision": "shrug"}, "unknown decision", id="unknown decision"),
        pytest.param({"reason": " "}, "without a reason", id="no reason"),
        pytest.param({"fingerprint": "0" * 16}, "no finding of", id="another run's finding"),
    ],
)
def test_wrong_decisions_are_refused(run, tmp_path, values, said):
    _, folder = run
    with pytest.raises(ConfigError, match=said):
        waive(folder, decisions(folder, tmp_path, **values), tmp_path / "w.jsonl", who="Jo", expires="")


def test_a_broken_waivers_file_names_file_and_lines(run, tmp_path):
    path, _ = run
    waivers = tmp_path / "w.jsonl"
    waivers.write_text('{"rule": 1}\n\n{"rule": "a", "rul": "b"}\nnot json\n')
    with pytest.raises(ConfigError) as caught:
        gate(path, POLICY, out=tmp_path / "again", waivers=waivers)
    for line in ("w.jsonl:1:", "w.jsonl:3: unknown key 'rul'; did you mean 'rule'?", "w.jsonl:4: is not a JSON object"):
        assert line in str(caught.value)


def test_a_baseline_lets_only_new_findings_count(run, write, tmp_path):
    path, folder = run
    known = tmp_path / "baseline.json"
    assert "2 findings accepted" in write_baseline(folder, known)
    assert gate(path, POLICY, out=tmp_path / "same", baseline=known) == 0
    more = write("b/a.jsonl", [*ROWS, {"text": "new one!!!"}, {"text": "and another!!!"}, {"text": "third!!!"}])
    assert gate(more, POLICY, out=tmp_path / "more", baseline=known) == 1
    assert json.loads((tmp_path / "more/manifest.json").read_text())["counts"]["dropped"] == 3


def test_scan_takes_its_own_json_as_a_baseline(command, write, tmp_path):
    policy = write("p.toml", b"version = 1\n[checkers.shouting]\n")
    path = write("a.jsonl", ROWS)
    known = command("scan", path, "--policy", policy, "--format", "json")
    assert known.returncode == 1
    (tmp_path / "known.json").write_text(known.stdout)
    assert command("scan", path, "--policy", policy, "--baseline", tmp_path / "known.json").returncode == 0
    done = command("scan", path, "--policy", policy, "--baseline", path)
    assert done.returncode == 2
    assert "is no baseline" in done.stderr


def test_a_signed_run_verifies_until_its_manifest_changes(run, tmp_path):
    _, folder = run
    assert "Jo signed the verdict 'fail'" in sign(folder, who="Jo", key=None, note="read 50 rows")
    statement = json.loads((folder / "statement.json").read_text())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicate"]["note"] == "read 50 rows"
    assert verify(folder) == []
    statement["subject"][0]["digest"]["sha256"] = "0" * 64
    (folder / "statement.json").write_text(json.dumps(statement))
    assert "signs another manifest" in verify(folder)[0]


def test_a_changed_run_is_not_signed(run):
    _, folder = run
    (folder / "kept/a.jsonl").write_text("{}\n")
    with pytest.raises(RunFolderError, match="is not signed"):
        sign(folder, who="Jo", key=None, note="")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_a_signature_by_ssh_holds_and_breaks(run, tmp_path):
    _, folder = run
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    sign(folder, who="Jo", key=key, note="")
    assert verify(folder) == []
    signers = tmp_path / "signers"
    signers.write_text("jo " + key.with_suffix(".pub").read_text())
    check = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        str(signers),
        "-I",
        "jo",
        "-n",
        "auditkit",
        "-s",
        str(folder / "statement.json.sig"),
    ]
    text = (folder / "statement.json").read_bytes()
    assert subprocess.run(check, input=text, capture_output=True, check=False).returncode == 0
    assert subprocess.run(check, input=text + b" ", capture_output=True, check=False).returncode != 0
    with pytest.raises(ConfigError, match="ssh-keygen could not sign"):
        sign(folder, who="Jo", key=tmp_path / "nowhere", note="")


def test_the_run_folder_may_not_overlap_an_input(plugins, write, tmp_path):
    path = write("in/a.jsonl", ROWS)
    for out in (path, path.parent, path.parent / "run", tmp_path):
        with pytest.raises(ConfigError, match="overlaps the input"):
            gate(str(path.parent), POLICY, out=out)
    assert path.read_text().count("\n") == 3
