"""The arithmetic of topics, each sum from left to right: the same bits on every machine and for any number of threads.

Import this module inside functions only: it uses numba.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auditkit.text.jit import kernel

Floats = NDArray[np.float64]
SMALL = 1e-12  # a length that counts as none


@kernel
def latent(likeness: Floats, start: Floats, turns: int) -> Floats:
    """float64[n, k]: rows of length 1 in the k main directions of a symmetric matrix [n, n], by orthogonal iteration.

    start: [n, k], of which it begins. A row that has no part in them is zeros. n * n * k * turns multiplications.
    """
    n, k = start.shape
    basis = start.copy()
    for _ in range(turns):
        _orthogonal(basis)
        basis = _product(likeness, basis)
    lengths = np.empty(k)  # of the product: the eigenvalues
    for j in range(k):
        lengths[j] = np.sqrt(_dot(basis, j, basis, j))
    _orthogonal(basis)
    for i in range(n):
        for j in range(k):
            basis[i, j] *= np.sqrt(lengths[j])
    _unit(basis)
    return basis


@kernel
def _product(left: Floats, right: Floats) -> Floats:
    out = np.zeros((left.shape[0], right.shape[1]))
    for i in range(left.shape[0]):
        for m in range(left.shape[1]):
            for j in range(right.shape[1]):
                out[i, j] += left[i, m] * right[m, j]
    return out


@kernel
def _dot(left: Floats, a: int, right: Floats, b: int) -> float:
    total = 0.0
    for i in range(left.shape[0]):
        total += left[i, a] * right[i, b]
    return total


@kernel
def _orthogonal(basis: Floats) -> None:
    """Make the columns orthonormal in place, first to last (modified Gram-Schmidt); what is left of none is zeros."""
    for j in range(basis.shape[1]):
        for other in range(j):
            part = _dot(basis, other, basis, j)
            for i in range(basis.shape[0]):
                basis[i, j] -= part * basis[i, other]
        length = np.sqrt(_dot(basis, j, basis, j))
        for i in range(basis.shape[0]):
            basis[i, j] = basis[i, j] / length if length > SMALL else 0.0


@kernel
def _unit(rows: Floats) -> None:
    """Scale each row to length 1 in place; rows of zeros stay."""
    for i in range(rows.shape[0]):
        total = 0.0
        for j in range(rows.shape[1]):
            total += rows[i, j] * rows[i, j]
        length = max(np.sqrt(total), SMALL)
        for j in range(rows.shape[1]):
            rows[i, j] /= length


@kernel
def nearest(rows: Floats, centres: Floats) -> tuple[NDArray[np.int64], Floats]:
    """For each row the centre with the largest product, the first of equal ones; and the product."""
    near, likeness = np.zeros(rows.shape[0], np.int64), np.empty(rows.shape[0])
    for i in range(rows.shape[0]):
        likeness[i] = -np.inf
        for c in range(centres.shape[0]):
            total = 0.0
            for j in range(rows.shape[1]):
                total += rows[i, j] * centres[c, j]
            if total > likeness[i]:
                near[i], likeness[i] = c, total
    return near, likeness


@kernel
def centres(rows: Floats, near: NDArray[np.int64], before: Floats) -> Floats:
    """The direction of the sum of each centre's rows; where they cancel out or there are none, the centre before."""
    sums = np.zeros_like(before)
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            sums[near[i], j] += rows[i, j]
    _unit(sums)
    for c in range(sums.shape[0]):
        total = 0.0
        for j in range(sums.shape[1]):
            total += sums[c, j] * sums[c, j]
        if total < 0.5:
            sums[c] = before[c]
    return sums
