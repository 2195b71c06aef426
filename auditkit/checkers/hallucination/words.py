"""Closed word lists of this checker as sets."""

from __future__ import annotations


def words(*lines: str) -> frozenset[str]:
    """The words of these lines."""
    return frozenset(" ".join(lines).split())


COMMON = words(
    "the a an and or of to in on for with by at from as is are was were be been being it its this that these",
    "those he she they his her their him them i you we us our my your me has have had having do does did will",
    "would can could may might shall should not no but who which what when where how there here than then so if",
    "into over under about after before also more most some any all just very up out off s t d ll re ve m said",
    "says say while during through between among because since until such own same other only both each many much",
    "per via one two new like get got go going make made",
)
"""Function words and verbs of saying: they carry no fact."""
NEGATIONS = words("not no never none neither nor without cannot t nobody nothing")
FUNCTIONS = words(
    "log ln lg sin cos tan cot sec csc exp sqrt root max min abs gcd lcm lim det square cube average mean half twice",
    "double triple thrice third quarter squared factorial than median product over least most",
)
"""A number after one of these is an argument: `log 100`, `average of 5`."""
CLOSING = words(
    "and so then which are because since therefore or but if when while that gives gets get got equals makes needs"
)
"""An expression does not go on beyond these."""
DANGLING = words("the a an and or because their its my your our whose if but which")
"""No English sentence ends here."""
PERSONS = words(
    "he she him her his hers they man woman men women male female boy girl lady gentleman non-binary white black asian",
    "hispanic latino arab jewish christian muslim hindu",
)
"""Answers about what a person is."""
NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}
LANGUAGES = {
    "en": words(
        "the of and to is that it for was with are be this by have from or not but you your they how what why which",
        "does can should would write give explain describe find name make their there when then about between",
        "i my",
    ),
    "es": words("el los las que y una por se del es lo como más pero sus su está son qué cómo también muy para con"),
    "fr": words("le les des et est une que dans ce pas sur au avec du qui il elle sont nous vous comment quel cette"),
    "de": words("der das und ist ein eine nicht zu den von mit sie für auf dem es wird auch sich werden oder wie ich"),
    "it": words("il di che è un una per non sono della le gli nel più anche si dei alla come questo perché"),
    "pt": words("o os que e da em um uma para com não por mais se na como dos das ao são você isso também"),
    "nl": words("de het een en van dat op te zijn met voor niet aan er maar ook wordt als bij hoe wat deze"),
}
"""Frequent function words that are no words of English."""
