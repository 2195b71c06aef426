"""The checker: texts in, findings out; identical texts are looked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from auditkit.checker import Checked, Rule, rule_pack
from auditkit.checkers.pii import names, presidio
from auditkit.checkers.pii import options as settings
from auditkit.checkers.pii.fields import entity_of, told
from auditkit.checkers.pii.json_texts import fitting, numbered, placed, plain, resolved
from auditkit.checkers.pii.keep import Filter, one_per_place
from auditkit.checkers.pii.ledger import surrogates
from auditkit.checkers.pii.locales import added, phone_regions
from auditkit.checkers.pii.options import NAMES
from auditkit.checkers.pii.own import is_own
from auditkit.checkers.pii.own_rules import found as own_found
from auditkit.checkers.pii.own_rules import national, national_rules, prepared
from auditkit.checkers.pii.precise import engine as precise_engine
from auditkit.checkers.pii.registry import sha256
from auditkit.checkers.pii.spans import Span, presidios
from auditkit.checkers.pii.surrogate import replace
from auditkit.findings import FOUND, detail, mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from auditkit.documents import Batch


class Pii:
    """Personal data and secrets; one finding per place, its span in code points."""

    name: ClassVar[str] = "pii"
    version: ClassVar[str] = "1"
    Options: ClassVar[type] = settings.Options
    METRICS: ClassVar[tuple[str, ...]] = ()
    default_action: ClassVar[str] = "flag"

    def __init__(self, options: settings.Options) -> None:
        self.options = options
        self._filter = Filter(options)
        self._key = b""

    def rules(self) -> Sequence[Rule]:
        """The rules that can fire: those of the profile, and names, which are looked for when `entities` asks."""
        rules = tuple(rule for rule in rule_pack("pii") if self._can_fire(rule))
        options = self.options
        if options.profile == "presidio":
            more = presidios(dict.fromkeys((*added(options.languages).values(), *options.added_entities)))
        else:
            own = tuple({rule.entity: rule.rule for rule in options.rules}.values())
            more = (*presidios(options.added_entities), *rule_pack("secrets"), *national_rules(options.languages), *own)
        return (*rules, *(rule for rule in more if rule.id not in {known.id for known in rules}))

    def reads(self) -> Mapping[str, str]:
        """The user's file of recognisers, with its hash."""
        return {self.options.registry: sha256(self.options.registry)} if self.options.registry else {}

    def _can_fire(self, rule: Rule) -> bool:
        return (
            bool(rule.options.get("model")) or rule.options.get("profile", self.options.profile) == self.options.profile
        )

    def not_looked_for(self) -> Mapping[str, str]:
        """Entity -> why nobody looked for it: names, which cost more than everything else and must be asked for."""
        why = "names are looked for where `entities` asks for them"
        return {} if self.options.entities else dict.fromkeys(NAMES, why)

    def models(self) -> Mapping[str, str]:
        """Name model -> its hash, where names are looked for."""
        return names.hashes(self.options.names) if self.options.wanted & {*NAMES} else {}

    def check(self, batch: Batch) -> Checked:
        """One finding per place; score `findings` = how many the document has."""
        texts = batch.texts.column("text").dictionary_encode()
        strings = texts.dictionary.to_pylist()
        spans = self._found(texts.dictionary, strings)
        codes = texts.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        codes, strings, spans = self._by_field(batch, codes, strings, spans)
        counts = np.array([len(found) for found in spans], np.int64)
        rows, index = _expanded(codes, counts)
        table = _table(spans, strings, index)
        docs, fields = batch.texts.column("doc"), batch.texts.column("field").cast(pa.utf8())
        table = table.set_column(0, "doc", docs.take(pa.array(rows))).set_column(
            1, "field", fields.take(pa.array(rows))
        )
        per_doc = np.bincount(batch.owners[rows], minlength=len(batch)).astype(np.float64)
        return Checked(table.cast(FOUND), {"findings": per_doc})

    def replacement(self, rule: str, detail: Mapping[str, object], value: str, *, style: str, key: bytes) -> str:
        """The text that takes the place of a found value; `style` is mask, label, hash or surrogate."""
        form = detail.get("form")
        made = replace(str(detail.get("entity") or rule), plain(value, form), style=style, key=key)
        return fitting(made, form)

    def surrogates(self, values: Sequence[tuple[str, Mapping[str, object], str]], *, key: bytes) -> list[str]:
        """The surrogates of all (rule, detail, value) of a corpus: none given to two values, none that is a value."""
        forms = [detail.get("form") for _, detail, _ in values]
        asked = [
            (str(detail.get("entity") or rule), plain(value, detail.get("form"))) for rule, detail, value in values
        ]
        return [fitting(made, form) for made, form in zip(surrogates(asked, key=key), forms, strict=True)]

    def with_key(self, key: bytes) -> Pii:
        """The same checker, to which surrogates that this key made are no findings."""
        keyed = Pii(self.options)
        keyed._key = key
        return keyed

    def _found(self, column: pa.Array, texts: Sequence[str]) -> list[list[Span]]:
        """The findings of each text, in order of their place; of JSON as they stand in it.

        Profile `presidio` reads JSON as the text that it is, as Presidio does.
        """
        if self.options.profile == "presidio":
            return [numbered(text, spans) for text, spans in zip(texts, self._spans(column, texts), strict=True)]
        without = resolved(texts)
        if without:
            texts_read = [without[index].text if index in without else text for index, text in enumerate(texts)]
            found = self._spans(pa.array(texts_read, pa.large_utf8()), texts_read)
        else:
            found = self._spans(column, texts)
        return [
            placed(text, spans, without.get(index))
            for index, (text, spans) in enumerate(zip(texts, found, strict=True))
        ]

    def _spans(self, column: pa.Array, texts: Sequence[str]) -> list[list[Span]]:
        """The findings of each text, in order of their place."""
        precise = self.options.profile == "precise"
        named = self.options.wanted & frozenset(NAMES)
        found: list[list[Span]] = [[] for _ in texts]
        if self.options.wanted > named:
            found = self._precise(column, texts) if precise else presidio.find(column, *self._added)
        if named:
            people = names.find(texts, named, engine_wanted=self.options.names)
            found = [a + b for a, b in zip(found, people, strict=True)]
        if precise:
            found = [one_per_place(spans) for spans in found]
            if self._key:
                found = [self._foreign(text, spans) for text, spans in zip(texts, found, strict=True)]
        kept = found
        if self._filter.works:
            kept = [self._filter(text, spans) for text, spans in zip(texts, found, strict=True)]
        return [sorted(spans) for spans in kept]

    def _by_field(
        self, batch: Batch, codes: NDArray[np.int64], texts: list[str], spans: list[list[Span]]
    ) -> tuple[NDArray[np.int64], list[str], list[list[Span]]]:
        """The same with one more entry for each text that a field's name says more of, and codes that point to it."""
        fields = batch.texts.column("field")
        names = [entity_of(str(name)) for name in fields.dictionary.to_pylist()]
        wanted = self.options.wanted if self.options.profile == "precise" else frozenset()
        if not wanted.intersection(names):
            return codes, texts, spans
        telling = np.array([name in wanted for name in names])[fields.indices.to_numpy(zero_copy_only=False)]
        known: dict[tuple[int, str], int] = {}
        for row in np.flatnonzero(telling).tolist():
            pair = int(codes[row]), names[fields.indices[row].as_py()]
            if pair not in known:
                known[pair] = len(texts)
                spans.append(self._kept(texts[pair[0]], told(texts[pair[0]], pair[1], spans[pair[0]])))
                texts.append(texts[pair[0]])
            codes[row] = known[pair]
        return codes, texts, spans

    def _kept(self, text: str, spans: list[Span]) -> list[Span]:
        """What key and options leave of the findings of a field."""
        foreign = self._foreign(text, spans) if self._key else spans
        return sorted(self._filter(text, foreign))

    @property
    def _added(self) -> tuple[tuple[str, ...], str]:
        return tuple(one for one in self.options.languages if one != "en"), self.options.registry

    def _precise(self, column: pa.Array, texts: Sequence[str]) -> list[list[Span]]:
        """What profile `precise` finds, national identifiers, the user's rules and recognisers among it."""
        languages, registry = self._added
        found = precise_engine(phone_regions(languages)).find(column)
        rules = (*national(languages), *map(prepared, self.options.rules))
        if rules:
            found = [a + b for a, b in zip(found, own_found(texts, rules), strict=True)]
        if registry:
            found = [a + b for a, b in zip(found, presidio.find_added(texts, (), registry), strict=True)]
        return found

    def _foreign(self, text: str, spans: Sequence[Span]) -> list[Span]:
        """The spans that hold no surrogate of this key."""
        return [span for span in spans if not is_own(span.entity, text[span.start : span.end], self._key)]


def _expanded(codes: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(row, finding) for every finding of every row, where row i has the findings of distinct text codes[i]."""
    if not len(counts):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    firsts = np.cumsum(counts) - counts
    per_row = counts[codes]
    rows = np.repeat(np.arange(len(codes)), per_row)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
    return rows, firsts[codes][rows] + within


def _table(spans: Sequence[Sequence[Span]], texts: Sequence[str], index: NDArray[np.int64]) -> pa.Table:
    """The findings of the distinct texts, taken by `index`; `doc` and `field` are still to be filled in."""
    every = [span for found in spans for span in found]
    starts, ends, entities, scores, rules, forms = zip(*every, strict=True) if every else ((),) * len(Span._fields)
    kinds = sorted(set(zip(entities, forms, strict=True)))
    details = {kind: detail(entity=kind[0], **({"form": kind[1]} if kind[1] else {})) for kind in kinds}
    masks: dict[str, str] = {}
    owned = ((text, span) for text, found in zip(texts, spans, strict=True) for span in found)
    columns: dict[str, Callable[[], Sequence[Any]]] = {  # one after the other: a text may hold a million values
        "rule": lambda: rules,
        "start": lambda: starts,
        "end": lambda: ends,
        "score": lambda: scores,
        "evidence": lambda: [_masked(text[span.start : span.end], masks) for text, span in owned],
        "detail": lambda: [details[kind] for kind in zip(entities, forms, strict=True)],
    }
    arrays = [
        pa.array(columns[column.name](), column.type) if column.name in columns else pa.nulls(len(every), column.type)
        for column in FOUND
    ]
    table = pa.table(arrays, schema=FOUND)
    return table if np.array_equal(index, np.arange(len(every))) else table.take(pa.array(index))


def _masked(value: str, known: dict[str, str]) -> str:
    masked = known.get(value)
    if masked is None:
        masked = known[value] = mask(value)
    return masked
