"""Polynomials -> roots, many at once. Laguerre's method in step for all, and LAPACK for the few that do not settle.

Each root is taken out of its polynomial before the next is sought, the smallest first, which keeps what is left exact.

Source: Press et al., "Numerical Recipes", section 9.5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.features._spectra import Array

_FEW = 150
"polynomials, fewer of which LAPACK solves sooner"
_STEPS = 8
"in which almost all settle"
_SETTLED = 1e-4
"of a root; convergence is cubic, so the next step would change it by next to nothing"
_REAL = 1e-9

Roots = NDArray[np.complex128]
Places = NDArray[np.intp]


def polynomial_roots(coefficients: Array) -> Roots:
    """Roots of z^n + a1 z^(n-1) + ... + an, (polynomials, n), in any order.

    Args:
        coefficients: a1 .. an, (polynomials, n).

    >>> polynomial_roots(np.array([[-3.0, 2.0]])).real.tolist()
    [[2.0, 1.0]]
    """
    count, order = coefficients.shape
    if count < _FEW:
        return by_lapack(coefficients)
    found, filled = np.zeros((order + 1, count), np.complex128), np.zeros(count, np.intp)
    rows, left = np.arange(count), np.concatenate([np.ones((1, count)), coefficients.T])
    unsettled = []
    while len(rows):
        root, open_ = _smallest(left.astype(np.complex128), (order - filled[rows]).astype(np.float64))
        real = np.abs(root.imag) <= _REAL * np.abs(root.real)
        root = root.real + 1j * np.where(real, 0.0, np.abs(root.imag))
        at = filled[rows]
        # After a real root, the next one will stand where its conjugate would.
        found[at, rows], found[at + 1, rows] = root, root.conj()
        filled[rows] = at + 2 - real
        more = filled[rows] < order
        more[open_] = False
        unsettled.append(rows[open_])
        left = _divided(left, root, real)[:, more]
        rows = rows[more]
        if len(rows):
            left = left[len(left) - 1 - (order - int(filled[rows].min())) :]
    roots = found[:order].T.copy()
    again = np.concatenate(unsettled)
    roots[again] = by_lapack(coefficients[again])
    return roots


def by_lapack(coefficients: Array) -> Roots:
    """Roots of monic polynomials (rows, order) as eigenvalues of their companion matrices, (rows, order)."""
    order = coefficients.shape[1]
    companion = np.zeros((len(coefficients), order, order))
    companion[:, 0] = -coefficients
    below = np.arange(1, order)
    companion[:, below, below - 1] = 1
    return np.linalg.eigvals(companion).astype(np.complex128)


def _smallest(left: Roots, degree: Array) -> tuple[Roots, Places]:
    """One root of each polynomial, (polynomials,), sought from 0 on, and which of them have not settled.

    Args:
        left: coefficients, highest first, (coefficients, polynomials); zeros in front where the degree is lower.
        degree: (polynomials,).
    """
    root = np.zeros(left.shape[1], np.complex128)
    result, at = root.copy(), np.arange(len(root))
    for _ in range(_STEPS):
        step = _step(left, root, degree)
        root = root - step
        far = np.abs(step) > _SETTLED * np.abs(root)
        count = np.count_nonzero(far)
        if 2 * count <= len(root):
            result[at] = root
            at, root, left, degree, far = at[far], root[far], left[:, far], degree[far], far[far]
        if not count:
            break
    result[at] = root
    return result, at[far]


def _step(left: Roots, root: Roots, degree: Array) -> Roots:
    """Laguerre's step from the root sought to one found."""
    value, slope, bend = _at(left, root)
    other = degree - 1
    spread = np.sqrt(other * (other * slope * slope - 2 * degree * value * bend))
    spread[spread.real * slope.real + spread.imag * slope.imag < 0] *= -1
    spread += slope
    spread[spread == 0] = 1
    quotient: Roots = degree * value / spread
    return quotient


def _at(left: Roots, root: Roots) -> tuple[Roots, Roots, Roots]:
    """Value, first, and half the second derivative of each polynomial at its root sought."""
    value, slope, bend = left[0].copy(), np.zeros_like(root), np.zeros_like(root)
    if not root.any():
        return left[-1], left[-2], left[-3] if len(left) > 2 else bend
    for coefficient in left[1:]:
        bend *= root
        bend += slope
        slope *= root
        slope += value
        value *= root
        value += coefficient
    return value, slope, bend


def _divided(left: Array, root: Roots, real: NDArray[np.bool_]) -> Array:
    """Take out a real root, or a pair of complex ones."""
    twice, square = np.where(real, 1.0, 2.0) * root.real, np.where(real, 0.0, root.real**2 + root.imag**2)
    quotient = left.copy()
    quotient[1] += twice * quotient[0]
    for k in range(2, len(quotient) - 1):
        quotient[k] += twice * quotient[k - 1] - square * quotient[k - 2]
    divided = np.zeros_like(quotient)
    divided[2:] = quotient[:-2]
    divided[1:, real] = quotient[:-1, real]
    return divided
