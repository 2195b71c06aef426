"""Personal data and secrets in texts.

What it finds: e-mail addresses, phone numbers, payment cards, IBANs, IP and MAC addresses, US, UK and medical
identifiers, crypto wallets, web addresses, credentials of many services; names and places (English, by a packaged
model) where `entities` asks for PERSON or LOCATION.

Why it matters: what a corpus contains a model may repeat. A training set with somebody's number in it is a data leak
with a delay.

How: profile `precise` anchors on what a value must contain (an @, a run of digits, a known key prefix), then confirms
with validators: checksums, ranges that were never issued, the numbering plans of phonenumbers, the list of top-level
domains, words around weak patterns.
Profile `presidio` reports what Presidio's own recognisers report, with their scores and context words, and nothing
else.

Languages bring national identifiers and phone regions, `rules` and `registry` patterns of your own; one that could
backtrack without bound is refused.

What it misses (benchmarks/results/pii.md): on the labelled set of presidio-research 1 card in 136 and 1 driver license
in 5; of disguised values 1 in 30 of the hardest kind; on web text it reports 48 places per MB without planted values,
where Presidio reports 3,100. Nothing is written about values that stand in pictures or in fields that are not read.

Options: see `options.Options`. Findings carry spans in code points, masked evidence and `entity` (Presidio's name) in
`detail`.
Redaction: see `surrogate`. With AUDITKIT_KEY in the environment surrogates are the same in every run with this key,
and profile `precise` knows them: what `own` recognises is no finding on a second run. Without it the key comes from
the corpus itself, so the next run, over other bytes, has another key and reports the surrogates as it would any value.
Fields that are no texts of the layout are not looked at; of those that are, a name such as `user.phone` or `email`
makes the whole value a finding.

Source: presidio-analyzer 2.2.366; ISO 7812 and 13616; RFC 5737, 3849, 2606, 7042; 47 CFR
52 (555-01xx).
"""

from auditkit.checkers.pii.checker import Pii

__all__ = ["Pii"]
