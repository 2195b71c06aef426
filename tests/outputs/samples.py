"""Reports made in memory for the tests of the outputs: a realistic run, a hostile one, a large one. Deterministic."""

from __future__ import annotations

import hashlib
from random import Random

import pyarrow as pa

from auditkit.checker import Rule
from auditkit.findings import CERTIFICATES, FINDINGS, Metric, detail, share
from auditkit.report_data import Report

HOSTILE = (
    "<script>document.title='PWNED'</script>",
    "<img src=x onerror=\"document.title='PWNED'\">",
    "<svg/onload=document.title='PWNED'>",
    "</script><script>document.title='PWNED'</script>",
    "<!--<script>",
    "javascript:document.title='PWNED'",
    '"><a href="javascript:alert(1)">x</a>',
    "<style>*{display:none}</style>",
    "[x](javascript:alert(1)) ![x](https://evil.example/p.png) <https://evil.example>",
    "| a | b | `code` **bold** https://evil.example/ www.evil.example @someone #1",
    "``` \n# heading\n",
    '=HYPERLINK("https://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-2+3",
    "\t=1+1",
    "\x1b[2J\x1b]8;;https://evil.example\x07link\x1b]8;;\x07\x9b31m",
    "\u202egpj.exe\u202c \u2066isolated\u2069 a\u2028b\u2029c \u200b\ufeff",
    "::error file=x::boo%0A::stop-commands::x ##[error]boo ##vso[task.setvariable]x",
    "]]> &amp; &lt;b&gt; \x00\x08\ufffe\uffff",
    "${template} {{7*7}} {% raw %} $identifier %s {0}",
)

RULES = {
    rule.id: rule
    for rule in (
        Rule("pii/email", "medium", "An e-mail address", "It identifies a person; models repeat what they saw."),
        Rule("pii/credit-card", "critical", "A payment card number with a valid check digit", "It can be charged."),
        Rule("pii/phone", "medium", "A telephone number", "It reaches a person."),
        Rule("toxicity/insult", "high", "An insult aimed at somebody", "A model learns to answer like this."),
        Rule("near_duplicates/near_copy", "low", "A near-copy of a document that is kept", "Copies are memorised."),
        Rule("hallucination/arithmetic", "high", "A calculation with a wrong result", "The model learns wrong sums."),
        Rule("hallucination/refusal", "medium", "The answer is a refusal", "A model learns to refuse."),
        Rule("skew/region", "medium", "A region is far from its reference share", "The picture of the world narrows."),
    )
}

_EVIDENCE = {
    "pii/email": ("j***@e***.com", "a***@m***.org", "m***@f***.de", "s***@g***.net"),
    "pii/credit-card": ("***",),
    "pii/phone": ("***",),
    "toxicity/insult": ("i***", "s***"),
    "near_duplicates/near_copy": ("",),
    "hallucination/arithmetic": ("7 × 8 = ***", "12 + 30 = ***"),
    "hallucination/refusal": ("I***",),
}
_REGIONS = (
    ("Europe", 0.31, 0.093),
    ("Northern America", 0.29, 0.047),
    ("Eastern and South-Eastern Asia", 0.17, 0.296),
    ("Central and Southern Asia", 0.09, 0.263),
    ("Northern Africa and Western Asia", 0.05, 0.069),
    ("Latin America and the Caribbean", 0.05, 0.083),
    ("Sub-Saharan Africa", 0.02, 0.143),
    ("Oceania", 0.02, 0.006),
)
_COUNTRIES = (
    ("US", 620, 6.1), ("GB", 190, 9.2), ("FR", 120, 6.0), ("DE", 95, 3.7), ("IN", 110, 0.26), ("CN", 130, 0.3),
    ("NG", 12, 0.17), ("BR", 40, 0.63), ("ID", 9, 0.11), ("KE", 3, 0.18), ("MT", 2, 12.0),
)  # fmt: skip


def _findings(rng: Random, n_rows: int, n_findings: int) -> list[dict[str, object]]:
    weights = {"pii/email": 30, "pii/credit-card": 3, "pii/phone": 12, "toxicity/insult": 5}
    weights |= {"hallucination/arithmetic": 8, "hallucination/refusal": 9, "near_duplicates/near_copy": 33}
    actions = {"pii": "redact", "toxicity": "drop", "near_duplicates": "drop", "hallucination": "drop"}
    rows = []
    for _ in range(n_findings):
        rule = rng.choices(list(weights), list(weights.values()))[0]
        checker = rule.partition("/")[0]
        row, whole = rng.randrange(n_rows), rule in ("near_duplicates/near_copy", "hallucination/refusal")
        start = rng.randrange(400)
        rows.append(
            {
                "file": "chats/support.jsonl" if row % 3 else "instructions.jsonl",
                "row": row,
                "id": f"doc-{row:05d}",
                "field": None if whole else rng.choice(("output", "messages[1].content", "instruction")),
                "checker": checker,
                "rule": rule,
                "start": None if whole else start,
                "end": None if whole else start + rng.randrange(4, 40),
                "score": round(rng.uniform(0.5, 1.0), 4),
                "severity": RULES[rule].severity,
                "action": actions[checker],
                "group": f"copies-{row % 40}" if checker == "near_duplicates" else None,
                "evidence": rng.choice(_EVIDENCE[rule]),
                "detail": detail(copies=row % 40) if checker == "near_duplicates" else "{}",
                "waived": rng.random() < 0.01,
            }
        )
    corpus = {"file": None, "row": None, "id": None, "field": None, "checker": "skew", "rule": "skew/region"}
    corpus |= {"start": None, "end": None, "score": 0.9, "severity": "medium", "action": "flag", "group": None}
    rows.append(
        corpus | {"evidence": "Sub-Saharan Africa: 2.0% of places, 14.3% of people", "detail": "{}", "waived": False}
    )
    rows.sort(key=lambda row: (row["file"] or "~", row["row"] or 0, row["field"] or "", row["start"] or 0, row["rule"]))
    return rows


def _documents(rng: Random, findings: list[dict[str, object]], n_rows: int) -> pa.Table:
    reasons: dict[int, list[str]] = {}
    masked: set[int] = set()
    for finding in findings:
        if finding["row"] is not None and finding["action"] == "drop":
            reasons.setdefault(finding["row"], []).append(finding["rule"])
        elif finding["action"] == "redact":
            masked.add(finding["row"])
    rows = range(n_rows)
    decisions = ["drop" if row in reasons else "redact" if row in masked else "keep" for row in rows]
    return pa.table(
        {
            "file": pa.array(["chats/support.jsonl" if row % 3 else "instructions.jsonl" for row in rows], pa.utf8()),
            "row": pa.array(rows, pa.int64()),
            "id": pa.array([f"doc-{row:05d}" for row in rows], pa.utf8()),
            "fingerprint": pa.array([hashlib.sha256(b"%d" % row).hexdigest()[:32] for row in rows], pa.utf8()),
            "decision": pa.array(decisions, pa.utf8()),
            "reasons": pa.array([sorted(set(reasons.get(row, []))) for row in rows], pa.list_(pa.utf8())),
            "toxicity/toxic": pa.array([round(rng.random() ** 4, 4) for _ in rows], pa.float64()),
        }
    )


def _metrics(n_rows: int) -> list[dict[str, object]]:
    n = n_rows - 7
    rows = [
        share("pii", "documents_share", round(n * 0.034), n),
        share("pii", "documents_share", round(n * 0.021), n, slice="pii/email"),
        share("pii", "documents_share", round(n * 0.002), n, slice="pii/credit-card"),
        Metric("pii", "findings", 260, numerator=260),
        Metric("pii", "entity", None, "PERSON", status="not_looked_for"),
        share("toxicity", "documents_share", round(n * 0.004), n),
        share("near_duplicates", "documents_share", round(n * 0.09), n),
        share("near_duplicates", "removed_share", round(n * 0.056), n),
        share("hallucination", "documents_share", round(n * 0.045), n),
        share("hallucination", "agreement", round(n * 0.7), n),
        Metric("skew", "region.tv_distance", 0.4421, low=0.401, high=0.483, reference="population by region"),
    ]
    for region, value, reference in _REGIONS:
        rows.append(share("skew", "region.share", round(2400 * value), 2400, slice=region))
        rows.append(
            Metric(
                "skew", "region.ratio", value / reference, region, value / reference * 0.85, value / reference * 1.15
            )
        )
    for code, mentions, ratio in _COUNTRIES:
        low, high = ratio * (1 - mentions**-0.5), ratio * (1 + mentions**-0.5)
        status = "undecided" if low <= 1.25 and high >= 0.8 else "fail"
        rows.append(Metric("skew", "country.ratio", ratio, code, low, high, mentions, 2400, "world-population", status))
    rows += [
        share("skew", "gender.share", n_named, 700, slice=name)
        for name, n_named in (("masculine", 420), ("feminine", 280))
    ]
    rows += [
        share("skew", "religion.share", n_named, 9, slice=name) for name, n_named in (("islam", 4), ("buddhism", 5))
    ]
    for group, hit, ratio in (("region=Sub-Saharan Africa", 30, 2.4), ("gender=feminine", 41, 1.02)):
        status = "fail" if ratio > 2 else "pass"
        rows.append(
            Metric(
                "skew",
                "filter_impact.risk_ratio",
                ratio,
                f"toxicity/{group}",
                ratio * 0.8,
                ratio * 1.2,
                hit,
                280,
                status=status,
            )
        )
    rows += [
        Metric("diversity", "distinct_n", 0.412, "2", low=0.405, high=0.419, numerator=41200, denominator=100000),
        Metric("diversity", "compression_ratio", 3.214),
        share("diversity", "documents_share", 0, n),
    ]
    return [row.as_dict() for row in rows]


def _gate(metric: str, op: str, threshold: float, status: str, **values: object) -> dict[str, object]:
    name = {"value": None, "low": None, "high": None, "slice": "", "on_undecided": "warn", "confidence": 0.95} | values
    sign = f"{name['value']:.4g}" if name["value"] is not None else "unknown"
    reason = f"{metric} is {sign}, {op} {threshold:g}: {status}"
    return {"metric": metric, "op": op, "threshold": threshold, "status": status, "reason": reason} | name


def _manifest(counts: dict[str, int], n_rows: int) -> dict[str, object]:
    gates = [
        _gate("pii.documents_share", "max", 0.02, "fail", value=0.034, low=0.0288, high=0.0394),
        _gate("toxicity.documents_share", "max", 0.01, "pass", value=0.004, low=0.0026, high=0.0062),
        _gate("near_duplicates.documents_share", "max", 0.1, "undecided", value=0.09, low=0.082, high=0.108),
        _gate("skew.region.tv_distance", "max", 0.3, "fail", value=0.4421, low=0.401, high=0.483),
        _gate("hallucination.agreement", "min", 0.6, "pass", value=0.7, low=0.687, high=0.713),
        _gate("diversity.vocabulary", "min", 5000, "unknown"),
    ]
    looked = {"hallucination": n_rows - 120}
    names = ("pii", "toxicity", "near_duplicates", "hallucination", "skew", "diversity")
    return {
        "auditkit": "0.1.0",
        "schema": 1,
        "inputs": [
            {
                "path": path,
                "bytes": size,
                "sha256": hashlib.sha256(path.encode()).hexdigest(),
                "rows": rows,
                "format": "jsonl",
                "layout": {"name": layout, "texts": [["text", "text"]]},
                "blank_lines": 0,
            }
            for path, size, rows, layout in (
                ("chats/support.jsonl", 3_104_220, n_rows - n_rows // 3, "messages"),
                ("instructions.jsonl", 1_204_118, n_rows // 3, "alpaca"),
            )
        ],
        "policy": {
            "name": "synthetic-sft",
            "checkers": {name: {"options": {}, "action": "flag", "redact": "mask"} for name in names},
            "gates": [{"metric": gate["metric"], gate["op"]: gate["threshold"]} for gate in gates],
        },
        "policy_sha256": hashlib.sha256(b"policy").hexdigest(),
        "checkers": [
            {
                "name": name,
                "version": "1",
                "rules": 4,
                "models": {"linear.npz": hashlib.sha256(b"m").hexdigest()} if name == "toxicity" else {},
                "looked": looked.get(name, n_rows - 7),
                "of": n_rows - 7,
            }
            for name in names
        ],
        "counts": counts,
        "files": [{"path": "chats/support.jsonl"} | counts],
        "gaps": [
            {
                "checker": "hallucination",
                "file": "chats/support.jsonl",
                "first_row": 1200,
                "n_rows": 113,
                "reason": "out of memory",
            }
        ],
        "gates": gates,
        "verdict": "incomplete",
        "reasons": [
            "hallucination did not look at chats/support.jsonl rows 1200-1312: out of memory",
            "diversity.vocabulary has no value: nothing was there to measure it on",
            gates[0]["reason"],
            gates[3]["reason"],
        ],
        "outputs": [{"path": "kept/instructions.jsonl", "bytes": 900_100, "sha256": "0" * 64, "rows": 1200}],
    }


_RUN = {
    "wall_s": 14.2,
    "cpu_s": 22.9,
    "peak_rss_bytes": 611_000_000,
    "reading": {"cpu_s": 0.4, "wall_s": 0.5, "bytes": 4_308_338},
    "writing": {"cpu_s": 0.2, "wall_s": 0.3, "bytes": 3_900_000},
    "checkers": {
        name: {"cpu_s": cpu, "wall_s": cpu, "bytes": 4_000_000}
        for name, cpu in (
            ("pii", 4.1),
            ("toxicity", 0.9),
            ("near_duplicates", 1.2),
            ("hallucination", 2.2),
            ("skew", 0.8),
            ("diversity", 1.0),
        )
    },
    "versions": {"python": "3.11.7", "pyarrow": "26.0.1"},
    "host": {"cpus": 2, "system": "Linux"},
}


def sample(*, n_rows: int = 5000, n_findings: int = 900, verdict: str = "incomplete") -> Report:
    """A run of six checkers with failing, passing, undecided and unknown gates; `verdict` overrides the word only."""
    rng = Random(n_rows)
    findings = _findings(rng, n_rows - 7, n_findings)
    documents = _documents(rng, findings, n_rows - 7)
    decisions = documents["decision"].to_pylist()
    counts = {"rows_in": n_rows, "kept": decisions.count("keep"), "redacted": decisions.count("redact")}
    counts |= {"dropped": decisions.count("drop"), "quarantined": 7}
    manifest = _manifest(counts, n_rows) | {"verdict": verdict}
    if verdict == "pass":
        manifest |= {"reasons": [], "gaps": []}
        manifest["gates"] = [gate for gate in manifest["gates"] if gate["status"] == "pass"]
        manifest["checkers"] = [checker | {"looked": n_rows - 7} for checker in manifest["checkers"]]
    copies = [row for row in findings if row["checker"] == "near_duplicates"]
    certificates = [
        {
            "file": row["file"],
            "row": row["row"],
            "kept_file": "instructions.jsonl",
            "kept_row": int(str(row["group"]).split("-")[1]),
            "jaccard": row["score"],
            "rule": row["rule"],
        }
        for row in copies
    ]
    return Report(
        manifest=manifest,
        metrics=_metrics(n_rows),
        run=_RUN,
        findings=pa.Table.from_pylist(findings, schema=FINDINGS),
        documents=documents,
        certificates=pa.Table.from_pylist(certificates, schema=CERTIFICATES),
        rules=RULES,
    )


def unread(names: list[str], *, more: int = 0) -> dict[str, object]:
    """Of a layout the fields that nobody looked at."""
    return {"unread": names, "n_unread": len(names) + more, "n_shown": 1000}


def hostile() -> Report:
    """A run whose every name and text that could come from a document, a file or a plug-in is an attack."""
    base = sample(n_rows=200, n_findings=20)
    rows = []
    for number, text in enumerate(HOSTILE):
        rows.append(
            {
                "file": f"{text}.jsonl",
                "row": number,
                "id": text,
                "field": text,
                "checker": "pii",
                "rule": f"pii/{text}",
                "start": 0,
                "end": 5,
                "score": 1.0,
                "severity": "critical",
                "action": "drop",
                "group": text,
                "evidence": text,
                "detail": detail(text=text),
                "waived": False,
            }
        )
    documents = pa.Table.from_pylist(
        [
            {
                "file": row["file"],
                "row": row["row"],
                "id": row["id"],
                "fingerprint": f"{row['row']:032x}",
                "decision": "drop",
                "reasons": [row["rule"]],
                "pii/findings": 1.0,
            }
            for row in rows
        ]
    )
    certificates = [
        {
            "file": row["file"],
            "row": row["row"],
            "kept_file": row["file"],
            "kept_row": 0,
            "jaccard": 0.9,
            "rule": row["rule"],
        }
        for row in rows
    ]
    metrics = [
        Metric("skew", metric, 2.0, text, 1.0, 3.0, reference=text).as_dict()
        for text in HOSTILE
        for metric in ("region.share", "region.ratio", f"x.{text}")
    ]
    text = " ".join(HOSTILE)
    manifest = base.manifest | {
        "verdict": "fail",
        "reasons": list(HOSTILE),
        "inputs": [
            base.manifest["inputs"][0] | {"path": text, "layout": {"name": text} | unread([text])} for text in HOSTILE
        ],
        "files": [base.manifest["files"][0] | {"path": text} for text in HOSTILE],
        "gaps": [{"checker": "pii", "file": text, "first_row": 0, "n_rows": 1, "reason": text} for text in HOSTILE],
        "gates": [
            _gate(f"pii.{text}", "max", 0.1, "fail", value=0.5, low=0.4, high=0.6, slice=text) for text in HOSTILE
        ],
        "policy": {"name": text, "checkers": {text: {"options": {text: text}}}, "gates": []},
        "checkers": [
            *base.manifest["checkers"],
            {"name": HOSTILE[0], "version": text, "rules": 1, "models": {text: text}, "looked": 1, "of": 2},
        ],
        "counts": {"rows_in": len(HOSTILE), "kept": 0, "redacted": 0, "dropped": len(HOSTILE), "quarantined": 0},
    }
    rules = {
        row["rule"]: Rule(row["rule"], "critical", text, text, source=text)
        for row, text in zip(rows, HOSTILE, strict=True)
    }
    return Report(
        manifest=manifest,
        metrics=[*base.metrics, *metrics],
        run=base.run | {"versions": {text: text for text in HOSTILE}, "host": {text: text for text in HOSTILE}},
        findings=pa.Table.from_pylist(rows, schema=FINDINGS),
        documents=documents,
        certificates=pa.Table.from_pylist(certificates, schema=CERTIFICATES),
        rules=rules,
    )


def empty() -> Report:
    """A run without a single finding, drop, gate or certificate."""
    base = sample(n_rows=10, n_findings=0, verdict="pass")
    return Report(
        manifest=base.manifest | {"gates": [], "gaps": []},
        metrics=[],
        run={},
        findings=FINDINGS.empty_table(),
        documents=base.documents,
        certificates=CERTIFICATES.empty_table(),
    )
