"""The language of a text, by script and function words: enough to choose a head, or to say that there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENGLISH, GERMAN, CHINESE, FOREIGN = 1, 2, 16, 17
"""Languages of the model; 3 to 15 are told apart but not known to it, FOREIGN is any other script."""

KNOWN = (ENGLISH, GERMAN, CHINESE)
SURE = 2  # function words: one alone may be a name or a quotation


def languages(counts: NDArray[np.int32]) -> NDArray[np.int64]:
    """int64[n] languages of texts with these counts (see grams.COUNTS); what shows nothing else counts as English."""
    from auditkit.checkers.toxicity import grams

    words = counts[:, : grams.LETTERS].astype(np.int64)
    letters = np.maximum(counts[:, grams.LETTERS], 1)
    found = words.argmax(axis=1)
    most = words.max(axis=1)
    needed = np.where(found == GERMAN, 1, SURE)
    result = np.where((most >= needed) & (most > words[:, ENGLISH]), found, ENGLISH)
    east_asian = counts[:, grams.HAN] + counts[:, grams.KANA]
    other = counts[:, grams.FOREIGN]
    result = np.where(2 * other > letters, FOREIGN, result)
    result = np.where(2 * east_asian > letters, np.where(counts[:, grams.KANA] > 0, FOREIGN, CHINESE), result)
    return result.astype(np.int64)
