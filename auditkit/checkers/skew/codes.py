"""The small numbers that the kernels and the tables of this checker share."""

from __future__ import annotations

MAX_WORDS = 8  # the longest name in the tables; longer official names have shorter forms

SEPARATOR, WORD, UPPER, OWN, MARK = range(5)  # what a character is to the kernels

# what stands between two words
(
    GAP_NONE,
    GAP_SPACE,
    GAP_HYPHEN,
    GAP_QUOTE,
    GAP_DOT,
    GAP_DOT_SPACE,
    GAP_SPACES,
    GAP_AMPERSAND,
    GAP_COMMA,
    GAP_PAREN,
    GAP_SENTENCE,
    GAP_OTHER,
    GAP_END,
) = range(13)

# flags of a match
CAPITAL = 1  # its first letter is a capital
WORDS_CAPITAL = 2  # so is that of each of its words over three letters
ALL_CAPS = 4  # all its letters are
PREV_CAPITAL = 8  # the word before starts with a capital
NEXT_CAPITAL = 16
NEXT_ALL_CAPS = 32
OWN_SCRIPT = 64  # in a script without capitals and without spaces
AT_SIGN = 128  # part of a user name, path or identifier

# classes of words: context for the rules, never a finding of their own
FIRST_NAME = 1
SURNAME = 2
TITLE = 4
US_STATE = 8  # Calif, CA
CA_PROVINCE = 16
PERSON = 32  # woman, people, student: what an adjective of a group may stand before
PLACE_HEAD = 64  # City, County, University: what follows a place name inside a longer name
LOCATIVE = 128  # in, near, outside: what stands before a place
PRONOUN_VERB = 256  # is, are, was: what follows a person or a group

# properties of an entry
STOP = 1  # written lower-case too often to be a place by itself
ACRONYM = 2  # only in capitals: US, UK, UAE
VETO = 4  # a phrase that contains a place name and is not a place: White House
AS_NAME = 8  # also a common first or family name
LOWER_WORD = 16  # a country that is an ordinary word in lower case: turkey, china

# kinds of place candidates, in the order of the tables
PLACE_KINDS = ("country", "demonym", "capital", "admin1", "city", "exonym")
COUNTRY, DEMONYM, CAPITAL_CITY, ADMIN1, CITY, EXONYM = range(6)

# how sure a term of a group is
SURE, BEFORE_PERSON, WHEN_CAPITAL, PLURAL_OR_PERSON = range(4)

# states whose towns share their names with others, as ISO 3166-2; their place here is their number in places.npz
STATES = (
    "", "US-AL", "US-AK", "US-AZ", "US-AR", "US-CA", "US-CO", "US-CT", "US-DE", "US-DC", "US-FL", "US-GA", "US-HI",
    "US-ID", "US-IL", "US-IN", "US-IA", "US-KS", "US-KY", "US-LA", "US-ME", "US-MD", "US-MA", "US-MI", "US-MN",
    "US-MS", "US-MO", "US-MT", "US-NE", "US-NV", "US-NH", "US-NJ", "US-NM", "US-NY", "US-NC", "US-ND", "US-OH",
    "US-OK", "US-OR", "US-PA", "US-RI", "US-SC", "US-SD", "US-TN", "US-TX", "US-UT", "US-VT", "US-VA", "US-WA",
    "US-WV", "US-WI", "US-WY", "CA-AB", "CA-BC", "CA-MB", "CA-NB", "CA-NL", "CA-NS", "CA-ON", "CA-PE", "CA-QC",
    "CA-SK", "CA-YT", "CA-NT", "CA-NU", "AU-NSW", "AU-NT", "AU-QLD", "AU-SA", "AU-TAS", "AU-VIC", "AU-WA",
)  # fmt: skip
