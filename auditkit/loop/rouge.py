"""Kernels of ROUGE-L over word hashes (Lin 2004): which texts are unlike all before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]


@kernel
def common_words(left: Hashes, right: Hashes) -> int:
    """Words that both sorted lists hold, counted as often as in both: at least the longest common subsequence."""
    i, j, n = 0, 0, 0
    while i < left.size and j < right.size:
        if left[i] == right[j]:
            n += 1
            i += 1
            j += 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return n


@kernel
def common_subsequence(left: Hashes, right: Hashes) -> int:
    """Length of the longest common subsequence of words, by rows (Wagner and Fischer 1974)."""
    row = np.zeros(right.size + 1, np.int64)
    for i in range(left.size):
        above_left = 0
        for j in range(right.size):
            above = row[j + 1]
            if left[i] == right[j]:
                row[j + 1] = above_left + 1
            elif row[j] > above:
                row[j + 1] = row[j]
            above_left = above
    return int(row[right.size])


@kernel
def alike(left: Hashes, right: Hashes, left_sorted: Hashes, right_sorted: Hashes, threshold: float) -> bool:
    """Whether ROUGE-L (F1) is at or above the threshold; lengths and common words rule out most pairs first."""
    least = threshold * (left.size + right.size) / 2 - 1e-9
    if left.size == 0 or right.size == 0:
        return left.size == right.size
    if min(left.size, right.size) < least or common_words(left_sorted, right_sorted) < least:
        return False
    return common_subsequence(left, right) >= least


@kernel
def unlike_earlier(
    words: Hashes, in_order: Hashes, bounds: NDArray[np.int64], n_known: int, threshold: float
) -> NDArray[np.bool_]:
    """Whether each text stays: a later one does when it is like none that stayed before it; the first n_known all do.

    words[bounds[i]:bounds[i + 1]] are the words of text i, in_order the same, sorted within each text.
    """
    stays = np.ones(bounds.size - 1, np.bool_)
    for i in range(n_known, bounds.size - 1):
        own, own_sorted = words[bounds[i] : bounds[i + 1]], in_order[bounds[i] : bounds[i + 1]]
        for j in range(i):
            if stays[j] and alike(
                own,
                words[bounds[j] : bounds[j + 1]],
                own_sorted,
                in_order[bounds[j] : bounds[j + 1]],
                threshold,
            ):
                stays[i] = False
                break
    return stays
