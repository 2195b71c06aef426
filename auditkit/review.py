"""What a reviewer does with a finished run: waive findings, accept a baseline, sign."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from auditkit.disk import EVERYONE
from auditkit.errors import ConfigError, RunFolderError
from auditkit.report_data import read_report
from auditkit.run_folder import MANIFEST, STATEMENT, read_manifest, verify, write_text
from auditkit.waivers import Key, from_decisions, lines, merged, read_waivers

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"  # in-toto attestation framework, statement layer v1
PREDICATE_TYPE = "https://auditkit.dev/sign-off/v1"
KEY_COLUMNS = ("rule", "fingerprint", "field")
NAMESPACE = "auditkit"  # of ssh-keygen -Y sign: a signature for one purpose is none for another


def waive(run: Path, decisions: Path, path: Path, *, who: str, expires: str) -> str:
    """Merge a decisions file into the waivers file; says what was done. Every decision is on a finding of the run."""
    known = _keys(run)
    new = from_decisions(decisions, who=who, when=dt.datetime.now(tz=dt.UTC).date(), expires=expires)
    strange = [waiver.rule for waiver in new if waiver.key not in known]
    if strange:
        raise ConfigError(f"{decisions}: {len(strange)} decisions are on no finding of {run} (first: {strange[0]})")
    old = read_waivers(path) if path.exists() else []
    everything = merged(old, new)
    write_text(path, lines(everything), mode=EVERYONE)
    return f"{path}: {len(new)} decisions merged, {len(everything)} in all"


def write_baseline(run: Path, out: Path) -> str:
    """Write the run's findings as a baseline: rule, fingerprint and field of each, no value of any document."""
    rows = [dict(zip(KEY_COLUMNS, key, strict=True)) for key in sorted(_keys(run))]
    write_text(out, json.dumps({"findings": rows}, indent=1) + "\n", mode=EVERYONE)
    return f"{out}: {len(rows)} findings accepted as they stand"


def _keys(run: Path) -> set[Key]:
    """What the findings of a run are known by."""
    found = read_report(run).located
    rules, marks, places = (found[name].to_pylist() for name in KEY_COLUMNS)
    return {(rule, mark or "", place or "") for rule, mark, place in zip(rules, marks, places, strict=True)}


def sign(run: Path, *, who: str, key: Path | None, note: str) -> str:
    """Write statement.json over the manifest's hash; with `key` also statement.json.sig by `ssh-keygen -Y sign`.

    A run that does not verify is not signed.
    """
    problems = verify(run)
    if problems:
        raise RunFolderError(f"{run}: is not signed, because it is not as the run wrote it: {problems[0]}")
    manifest = read_manifest(run)
    digest = hashlib.sha256((run / MANIFEST).read_bytes()).hexdigest()
    statement: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": MANIFEST, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "signedBy": who,
            "signedOn": dt.datetime.now(tz=dt.UTC).isoformat(timespec="seconds"),
            "verdict": manifest["verdict"],
            "policySha256": manifest["policy_sha256"],
            "counts": manifest["counts"],
            "note": note,
        },
    }
    path = run / STATEMENT
    write_text(path, json.dumps(statement, indent=1) + "\n")
    if key is not None:
        _ssh_sign(path, key)
    return f"{path}: {who} signed the verdict '{manifest['verdict']}' over manifest sha256 {digest[:12]}…"


def _ssh_sign(path: Path, key: Path) -> None:
    """Add path.sig; ConfigError says what ssh-keygen found wrong."""
    tool = shutil.which("ssh-keygen")
    if tool is None:
        raise ConfigError("--key needs ssh-keygen (OpenSSH 8.1 or newer), which is not installed")
    path.with_name(path.name + ".sig").unlink(missing_ok=True)
    command = [tool, "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ConfigError(f"--key {key}: ssh-keygen could not sign: {said}")
