"""Rows on which versions of Python are known to say different things: for the tests and for benchmarks/versions.py."""

from __future__ import annotations

import json
from collections.abc import Iterator

CODE = (
    *('print(f"{row["name"]}")', 'f"{a b}"', 'f"{x:>{w}}"', "f'{x", "def f(a)\n    return f'{a}'", "print(1"),
    *("type X = int", "def f[T](x): return x", "class A[T]: pass", "x = '\\N{SHAKING FACE}'", 't"{x}"'),
    *("try:\n    f()\nexcept A, e:\n    g()", "match x:\n    case 1: pass", "with (open(a) as f, open(b)): pass"),
)
ADDRESSES = (
    *("192.0.0.8", "192.0.0.9", "192.0.0.200", "198.51.100.7", "100.64.9.9", "8.8.4.4", "::ffff:8.8.8.8"),
    *("2002::1:2", "2001:3::9", "2001:20::5", "2001:1::1", "64:ff9b:1::7", "3fff::1", "2a00:1450:4001:81b::200e"),
)
BROKEN = ('{"text": "a",}', '{"text": ["a", ]}', '{"text": "a" "b"}', "{text: 1}", '{"text": "\\ud83e"}', "[1,]", "{,}")


def characters(*, step: int = 1) -> Iterator[dict[str, str]]:
    """Every code point of the first four planes but the surrogates, where checkers ask what it is; 64 in a row.

    step: only each step-th row.
    """
    for start in range(0x20, 0x40000, 64 * step):
        run = [chr(code) for code in range(start, start + 64) if not 0xD800 <= code < 0xE000]
        if run:
            text = "".join(run)
            words = " ".join(f"{a}{b}{c}" for a, b, c in zip(run, run[1:], run[2:], strict=False))
            yield {
                "prompt": f"Who is {run[0]}ona {run[-1]}ell? {run[0]}",
                "context": f"Sold in {start}.",
                "response": f"{text} Dr. {run[1]}ohn S{run[-2]}ith, j{run[0]}n.roe@acme{run[2]}.com, +49 30 {text[:9]} "
                f"&#{start}; 2001:db8::{run[3]} {words} $5{run[4]}0 {run[5]}n 12{run[6]}05{run[7]}1980.",
            }


def edges() -> Iterator[str]:
    """Lines with code, addresses, secrets, sums of shares, and broken JSON."""
    answers = [f"```python\n{body}\n```" for body in CODE]
    answers += [f"The server answers at {address} since Monday, said the operator." for address in ADDRESSES]
    for length in range(20, 60, 3):
        secret = "".join("aB3dE5gH7jK9mN0pQ2sT4vW6yZ8"[(n * n + length) % 27] for n in range(length))
        answers.append(f"api_key = '{secret}'")
    for place, answer in enumerate(answers):
        yield json.dumps({"prompt": f"Question {place}?", "context": "", "response": answer})
    for n in range(40):
        facts = ", ".join(f"item {k} costs {k * n / 7:.2f} dollars" for k in range(9))
        context = f"The list of shop {n}: {facts}. It opens at {n % 12} and closes late."
        said = f"Shop {n + n % 3}: {facts[: 60 + n]}."
        yield json.dumps({"prompt": f"Sum up {n}.", "context": context, "response": said})
    yield from BROKEN
