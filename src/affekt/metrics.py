"""Truth, prediction -> float. How right a model is, and how sure we may be of that number.

Every metric is `f(truth, prediction)`, truth first, and needs numpy alone. Three kinds of prediction:

    labels         (n,) strings or whole numbers   accuracy, uar, macro_f1, weighted_f1, confusion, ..._per_class
    numbers        (n,) real                       ccc, pearson, mse, mae, rmse
    probabilities  (n, k), rows sum to 1           log_loss, brier, ece, top_k; they take `labels=`, the order of the
                                                   columns; kld, jsd, cross_entropy: their truth is (n, k) as well

Empty input, unequal lengths, NaN, None and infinity are a `DataError` in all of them, never a silent number.

A class that never occurs in the truth has no recall. `uar` averages over the classes that do occur, as scikit-learn's
balanced accuracy does; `macro_f1` averages over the classes of truth and prediction together, as scikit-learn's does.
Where speakers lack classes (EmoDB, leave one speaker out), pool the predictions of all folds, then call `uar` once.

`bootstrap` gives the interval. It draws whole speakers, because clips of one speaker are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affekt.errors import DataError, UsageError

Metric = Callable[[Any, Any], float]
"""Truth, prediction -> float; give a metric its keyword arguments with `functools.partial`."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Interval:
    """A score and its confidence interval.

    >>> print(Interval(0.75, 0.7, 0.8125))
    0.750 [0.700, 0.812]
    """

    value: float
    "the metric on all data"
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The categorical metrics of one experiment, from one confusion matrix."""

    n: int
    "utterances"
    accuracy: float
    "share of utterances that are right (weighted accuracy, WA), in [0, 1]"
    uar: float
    "mean recall over the classes (unweighted average recall, UA), in [0, 1]"
    macro_f1: float
    weighted_f1: float
    recall: Mapping[str, float]
    "per class that occurs in the truth, in [0, 1]"
    precision: Mapping[str, float]
    "per class that was predicted, in [0, 1]"
    f1: Mapping[str, float]
    "per class of truth or prediction, in [0, 1]"
    support: Mapping[str, int]
    "utterances of each class"
    labels: tuple[str, ...]
    "order of the rows and columns of `confusion`"
    confusion: Counts
    "(k, k) utterances, truth in rows, prediction in columns"


def scores(truth: ArrayLike, prediction: ArrayLike, *, labels: Iterable[str] | None = None) -> Scores:
    """Compute all categorical metrics at once.

    Args:
        truth: (n,) labels.
        prediction: (n,) labels.
        labels: order of the confusion matrix; default: the labels of both, sorted.

    Raises:
        DataError: empty, unequal lengths, a missing label, or a label outside `labels`.

    >>> scores(["sad", "sad", "happy"], ["sad", "happy", "happy"]).uar
    0.75
    """
    counts, names = _count(truth, prediction, labels)
    return Scores(
        n=int(counts.sum()),
        accuracy=float(_accuracy(counts)),
        uar=float(_uar(counts)),
        macro_f1=float(_macro_f1(counts)),
        weighted_f1=float(_weighted_f1(counts)),
        recall=_recalls(counts, names),
        precision=_recalls(counts.T, names),
        f1=_f1s(counts, names),
        support=dict(zip(names, counts.sum(axis=1).tolist(), strict=True)),
        labels=tuple(names),
        confusion=counts,
    )


def accuracy(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Share of utterances that are right; "weighted accuracy" (WA) in the literature of speech emotion.

    $$ \text{WA} = \frac{1}{n} \sum_i [\hat y_i = y_i] $$

    Args:
        truth: (n,) labels.
        prediction: (n,) labels.

    Returns:
        In [0, 1]; higher is better. A model that always says the largest class already gets that class's share.

    Raises:
        DataError: empty, unequal lengths, or a missing label.

    >>> accuracy(["sad", "sad", "sad", "happy"], ["sad", "sad", "sad", "sad"])
    0.75
    """
    return float(_accuracy(confusion(truth, prediction)))


def uar(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Unweighted average recall (UAR, UA): mean over classes of the share of each class that was found.

    $$ \text{UAR} = \frac{1}{|C|} \sum_{c \in C} \frac{\text{hits}_c}{n_c}, \quad C = \text{classes in the truth} $$

    Args:
        truth: (n,) labels.
        prediction: (n,) labels.

    Returns:
        In [0, 1]; higher is better, chance is 1/|C| whatever the class sizes.

    Raises:
        DataError: empty, unequal lengths, or a missing label.

    Source:
        B. Schuller, S. Steidl, A. Batliner. The Interspeech 2009 Emotion Challenge. Equal to scikit-learn's
        `balanced_accuracy_score`.

    >>> uar(["sad", "sad", "sad", "happy"], ["sad", "sad", "sad", "sad"])
    0.5
    """
    return float(_uar(confusion(truth, prediction)))


def macro_f1(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Mean over classes of the harmonic mean of precision and recall.

    $$ F_c = \frac{2\,\text{hits}_c}{n_c + \hat n_c}, \quad \text{macro } F_1 = \frac{1}{|C|} \sum_{c \in C} F_c $$

    C holds every class of truth or prediction; one that is predicted and never true counts with 0.

    Args:
        truth: (n,) labels.
        prediction: (n,) labels.

    Returns:
        In [0, 1]; higher is better.

    Raises:
        DataError: empty, unequal lengths, or a missing label.

    Source:
        scikit-learn's `f1_score(average="macro")`; J. Opitz, S. Burst. Macro F1 and Macro F1 (arXiv 1911.03347)
        tells it from the other formula of the same name.

    >>> round(macro_f1(["sad", "sad", "happy"], ["sad", "happy", "happy"]), 4)
    0.6667
    """
    return float(_macro_f1(confusion(truth, prediction)))


def weighted_f1(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Mean of the classes' F1, each weighted by its share of the truth; the usual score of MELD and IEMOCAP-6.

    $$ \sum_c \frac{n_c}{n} F_c $$

    Args:
        truth: (n,) labels.
        prediction: (n,) labels.

    Returns:
        In [0, 1]; higher is better.

    Raises:
        DataError: empty, unequal lengths, or a missing label.

    Source:
        scikit-learn's `f1_score(average="weighted")`.

    >>> round(weighted_f1(["sad", "sad", "sad", "happy"], ["sad", "sad", "happy", "happy"]), 4)
    0.7667
    """
    return float(_weighted_f1(confusion(truth, prediction)))


def recall_per_class(truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """Share of each class that was found.

    Args:
        truth: (n,) labels.
        prediction: (n,) labels.

    Returns:
        Label -> recall in [0, 1], sorted by label; a class that is not in the truth is left out.

    Raises:
        DataError: empty, unequal lengths, or a missing label.

    >>> recall_per_class(["sad", "sad", "happy"], ["sad", "happy", "angry"])
    {'happy': 0.0, 'sad': 0.5}
    """
    return _recalls(*_count(truth, prediction, None))


def precision_per_class(truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """Share of each class's predictions that are right.

    Args:
        truth: (n,) labels.
        prediction: (n,) labels.

    Returns:
        Label -> precision in [0, 1], sorted by label; a class that was never predicted is left out.

    Raises:
        DataError: empty, unequal lengths, or a missing label.

    >>> precision_per_class(["sad", "sad", "happy"], ["sad", "happy", "happy"])
    {'happy': 0.5, 'sad': 1.0}
    """
    counts, names = _count(truth, prediction, None)
    return _recalls(counts.T, names)


def f1_per_class(truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """Harmonic mean of precision and recall of each class.

    Args:
        truth: (n,) labels.
        prediction: (n,) labels.

    Returns:
        Label -> F1 in [0, 1], sorted by label, of every class of truth or prediction.

    Raises:
        DataError: empty, unequal lengths, or a missing label.

    >>> f1_per_class(["sad", "sad", "sad", "happy"], ["sad", "sad", "happy", "angry"])
    {'angry': 0.0, 'happy': 0.0, 'sad': 0.8}
    """
    return _f1s(*_count(truth, prediction, None))


def confusion(truth: ArrayLike, prediction: ArrayLike, *, labels: Iterable[str] | None = None) -> Counts:
    """Count how often each class was taken for each.

    Args:
        truth: (n,) labels.
        prediction: (n,) labels.
        labels: the k labels in the order wanted, a `LabelSet` for instance; default: the labels of both, sorted.

    Returns:
        (k, k) counts, truth in rows, prediction in columns; they sum to n.

    Raises:
        DataError: empty, unequal lengths, a missing label, or a label outside `labels`.

    >>> confusion(["sad", "sad", "happy"], ["sad", "happy", "happy"], labels=["happy", "sad"])
    array([[1, 0],
           [1, 1]])
    """
    return _count(truth, prediction, labels)[0]


def ccc(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Concordance correlation coefficient: correlation that also punishes a wrong mean or scale.

    $$ \rho_c = \frac{2\,\sigma_{xy}}{\sigma_x^2 + \sigma_y^2 + (\mu_x - \mu_y)^2} $$

    with population moments (divided by n), as in the paper.

    Args:
        truth: (n,) numbers, n >= 2, any unit.
        prediction: (n,) numbers of the same unit.

    Returns:
        In [-1, 1]; 1 is equality. 0 when one of the two is constant; NaN when both are the same constant.

    Raises:
        DataError: fewer than two values, unequal lengths, NaN or infinity.

    Source:
        L. I-K. Lin. A concordance correlation coefficient to evaluate reproducibility. Biometrics 45 (1989).

    >>> round(ccc([1, 2, 3], [2, 3, 4]), 4)  # right but for one unit: pearson is 1
    0.5714
    """
    x, y = _numbers(truth, prediction, least=2)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan") if np.array_equal(x, y) else 0.0
    shared = np.mean((x - x.mean()) * (y - y.mean()))
    return float(2 * shared / (np.var(x) + np.var(y) + (x.mean() - y.mean()) ** 2))


def pearson(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Linear correlation; blind to a wrong mean or scale, unlike `ccc`.

    $$ r = \frac{\sigma_{xy}}{\sigma_x \sigma_y} $$

    Args:
        truth: (n,) numbers, n >= 2, any unit.
        prediction: (n,) numbers, any unit.

    Returns:
        In [-1, 1]; NaN when one of the two is constant, since there is nothing to go along with.

    Raises:
        DataError: fewer than two values, unequal lengths, NaN or infinity.

    >>> round(pearson([1, 2, 3], [10, 20, 30]), 12)
    1.0
    """
    x, y = _numbers(truth, prediction, least=2)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    r = (x / np.linalg.norm(x)) @ (y / np.linalg.norm(y))
    return float(np.clip(r, -1, 1))


def mse(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Mean squared error, $\frac{1}{n}\sum_i (\hat y_i - y_i)^2$.

    Args:
        truth: (n,) numbers, any unit.
        prediction: (n,) numbers of the same unit.

    Returns:
        In [0, inf), in the unit squared; lower is better.

    Raises:
        DataError: empty, unequal lengths, NaN or infinity.

    >>> mse([0, 1], [0, 3])
    2.0
    """
    x, y = _numbers(truth, prediction)
    return float(np.mean((y - x) ** 2))


def rmse(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Root of the mean squared error.

    Args:
        truth: (n,) numbers, any unit.
        prediction: (n,) numbers of the same unit.

    Returns:
        In [0, inf), in the unit of the input; lower is better.

    Raises:
        DataError: empty, unequal lengths, NaN or infinity.

    >>> rmse([0, 0], [3, 3])
    3.0
    """
    return math.sqrt(mse(truth, prediction))


def mae(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Mean absolute error, $\frac{1}{n}\sum_i |\hat y_i - y_i|$.

    Args:
        truth: (n,) numbers, any unit.
        prediction: (n,) numbers of the same unit.

    Returns:
        In [0, inf), in the unit of the input; lower is better.

    Raises:
        DataError: empty, unequal lengths, NaN or infinity.

    >>> mae([0, 1], [0, 3])
    1.0
    """
    x, y = _numbers(truth, prediction)
    return float(np.mean(np.abs(y - x)))


def log_loss(truth: ArrayLike, prediction: ArrayLike, *, labels: Iterable[str]) -> float:
    r"""Mean surprise at the truth, $-\frac{1}{n}\sum_i \ln p_i(y_i)$; the cross entropy that training minimises.

    Probabilities are kept 2.2e-16 away from 0 and 1, as scikit-learn does, so one confident mistake costs at most 36.

    Args:
        truth: (n,) labels.
        prediction: (n, k) probabilities, rows sum to 1.
        labels: the k labels in the order of the columns.

    Returns:
        In [0, 36.05], nats; lower is better, ln k is the uniform guess.

    Raises:
        DataError: empty, wrong shape, a label outside `labels`, or rows that are no probabilities.

    >>> round(log_loss(["sad", "happy"], [[0.5, 0.5], [1.0, 0.0]], labels=["happy", "sad"]), 4)
    0.3466
    """
    codes, probs = _judged(truth, prediction, labels)
    told = probs[np.arange(len(codes)), codes]
    return float(-np.mean(np.log(np.clip(told, _TINY, 1 - _TINY))))


def brier(truth: ArrayLike, prediction: ArrayLike, *, labels: Iterable[str]) -> float:
    r"""Squared distance between the probabilities and the truth, $\frac{1}{n}\sum_i\sum_c (p_{ic} - [y_i = c])^2$.

    Args:
        truth: (n,) labels.
        prediction: (n, k) probabilities, rows sum to 1.
        labels: the k labels in the order of the columns.

    Returns:
        In [0, 2], the sum over all classes (for two classes, twice the one-column score); lower is better.

    Raises:
        DataError: empty, wrong shape, a label outside `labels`, or rows that are no probabilities.

    Source:
        G. W. Brier. Verification of forecasts expressed in terms of probability. Monthly Weather Review 78 (1950).

    >>> brier(["sad", "happy"], [[0.5, 0.5], [1.0, 0.0]], labels=["happy", "sad"])
    0.25
    """
    codes, probs = _judged(truth, prediction, labels)
    return float(np.mean(np.sum((probs - np.eye(probs.shape[1])[codes]) ** 2, axis=1)))


def top_k(truth: ArrayLike, prediction: ArrayLike, *, labels: Iterable[str], k: int = 2) -> float:
    """Share of utterances whose label is among the k most probable ones; of equal ones the first column is taken first.

    Args:
        truth: (n,) labels.
        prediction: (n, classes) probabilities, rows sum to 1.
        labels: in the order of the columns.
        k: 1 gives the accuracy, all classes give 1.

    Returns:
        In [0, 1]; higher is better, k over the number of classes is chance.

    Raises:
        DataError: empty, wrong shape, a label outside `labels`, or rows that are no probabilities.
        UsageError: k is not within 1 and the number of classes.

    >>> top_k(["sad", "calm"], [[0.5, 0.1, 0.4], [0.2, 0.1, 0.7]], labels=["happy", "calm", "sad"])
    0.5
    """
    codes, probs = _judged(truth, prediction, labels)
    if not 1 <= k <= probs.shape[1]:
        raise UsageError(f"k must be 1 to {probs.shape[1]}, the number of labels, got {k}")
    best = np.argsort(-probs, axis=1, kind="stable")[:, :k]
    return float((best == codes[:, None]).any(axis=1).mean())


@dataclass(frozen=True, slots=True)
class Bin:
    """Utterances of about the same confidence."""

    low: float
    "confidences above this ..."
    high: float
    "... up to this"
    n: int
    confidence: float
    "their mean"
    accuracy: float
    "share of them that is right"


Bins = Literal["width", "mass"]
"""width: bin b of m holds confidences in (b/m, (b+1)/m]; mass: the bins' edges are quantiles of the confidences, so
that all hold about as many utterances, equal confidences together."""


def reliability(
    truth: ArrayLike, prediction: ArrayLike, *, labels: Iterable[str], bins: int = 15, equal: Bins = "width"
) -> list[Bin]:
    """Confidence beside accuracy, bin by bin: the curve of a reliability diagram. Empty bins are left out.

    Takes what `ece` takes and raises what it raises.

    >>> reliability(["sad", "happy"], [[0.25, 0.75], [0.25, 0.75]], labels=["happy", "sad"], bins=2)
    [Bin(low=0.5, high=1.0, n=2, confidence=0.75, accuracy=0.5)]
    """
    if bins < 1:
        raise UsageError(f"calibration is measured in at least 1 bin, got {bins}")
    if equal not in ("width", "mass"):
        raise UsageError(f"bins are of equal width or mass, not of equal {equal!r}")
    codes, probs = _judged(truth, prediction, labels)
    sure, right = probs.max(axis=1), probs.argmax(axis=1) == codes
    edges = np.linspace(0, 1, bins + 1)
    if equal == "mass":
        edges = np.unique(np.concatenate([[0.0], np.quantile(sure, edges[1:-1], method="inverted_cdf"), [1.0]]))
    place = np.searchsorted(edges[1:-1], sure, side="left")
    rows = ((number, place == number) for number in np.unique(place).tolist())
    return [
        Bin(float(edges[b]), float(edges[b + 1]), int(own.sum()), float(sure[own].mean()), float(right[own].mean()))
        for b, own in rows
    ]


def ece(
    truth: ArrayLike, prediction: ArrayLike, *, labels: Iterable[str], bins: int = 15, equal: Bins = "width"
) -> float:
    r"""Expected calibration error: how far the highest probability is from the share of times it is right.

    $$ \sum_b \frac{n_b}{n} \left| \text{accuracy}_b - \text{mean confidence}_b \right| $$

    Confidence is the highest probability of a row; `Bins` says how bins of equal width and of equal mass are made.
    With few utterances the value is biased upwards.

    Args:
        truth: (n,) labels.
        prediction: (n, k) probabilities, rows sum to 1.
        labels: the k labels in the order of the columns.
        bins: how many bins over (0, 1], at least 1.
        equal: width or mass.

    Returns:
        In [0, 1]; lower is better.

    Raises:
        DataError: empty, wrong shape, a label outside `labels`, or rows that are no probabilities.
        UsageError: no bins, or bins that are equal in something else.

    Source:
        C. Guo et al. On calibration of modern neural networks. ICML 2017. Equal mass: K. Nguyen, B. O'Connor.
        Posterior calibration and exploratory analysis for natural language processing models. EMNLP 2015.

    >>> round(ece(["sad", "sad"], [[0.2, 0.8], [0.2, 0.8]], labels=["happy", "sad"]), 4)
    0.2
    """
    found = reliability(truth, prediction, labels=labels, bins=bins, equal=equal)
    return sum(one.n * abs(one.accuracy - one.confidence) for one in found) / sum(one.n for one in found)


def cross_entropy(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Mean surprise of raters at the prediction, $-\frac{1}{n}\sum_i\sum_c q_{ic} \ln p_{ic}$.

    Probabilities are kept 2.2e-16 away from 0, as in `log_loss`, which this is where raters agree.

    Args:
        truth: (n, k) shares of raters q, rows sum to 1.
        prediction: (n, k) probabilities p, rows sum to 1.

    Returns:
        In [0, 36.05], nats; lower is better, the raters' own entropy is the best that can be had.

    Raises:
        DataError: empty, unequal shapes, or rows that are no probabilities.

    >>> round(cross_entropy([[0.5, 0.5]], [[0.25, 0.75]]), 4)
    0.837
    """
    q, p = _distributions(truth, prediction)
    return float(-np.mean(np.sum(q * np.log(np.clip(p, _TINY, 1)), axis=1)))


def kld(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Kullback-Leibler divergence of the prediction from the raters.

    $$ \frac{1}{n} \sum_i \sum_c q_{ic} \ln \frac{q_{ic}}{p_{ic}} $$

    Takes what `cross_entropy` takes; it is the cross entropy less the raters' own entropy.

    Returns:
        In [0, 36.05], nats; lower is better, 0 is equality.

    Raises:
        DataError: empty, unequal shapes, or rows that are no probabilities.

    Source:
        S. Kullback, R. A. Leibler. On information and sufficiency. Annals of Mathematical Statistics 22 (1951).

    >>> kld([[0.5, 0.5]], [[0.5, 0.5]]), round(kld([[1, 0]], [[0.5, 0.5]]), 4)
    (0.0, 0.6931)
    """
    q, p = _distributions(truth, prediction)
    return float(np.mean(_relative(q, p)))


def jsd(truth: ArrayLike, prediction: ArrayLike) -> float:
    r"""Jensen-Shannon divergence of raters and prediction: of both from their mean, in bits.

    $$ \tfrac{1}{2} D(q \| m) + \tfrac{1}{2} D(p \| m), \quad m = \tfrac{1}{2}(q + p) $$

    Takes what `cross_entropy` takes. The divergence is meant, not its root, which is the distance.

    Returns:
        In [0, 1]; lower is better, 0 is equality, 1 nothing in common.

    Raises:
        DataError: empty, unequal shapes, or rows that are no probabilities.

    Source:
        J. Lin. Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory 37 (1991).

    >>> jsd([[1, 0]], [[0, 1]]), jsd([[0.5, 0.5]], [[0.5, 0.5]])
    (1.0, 0.0)
    """
    q, p = _distributions(truth, prediction)
    mean = (q + p) / 2
    return float(np.mean((_relative(q, mean) + _relative(p, mean)) / 2) / math.log(2))


def _relative(q: Floats, p: Floats) -> Floats:
    """Divergence of p from q in each row, nats."""
    logs = np.log(np.where(q > 0, q, 1)) - np.log(np.where(q > 0, np.clip(p, _TINY, None), 1))
    return np.asarray(np.clip(np.sum(q * logs, axis=1), 0, None))


def _distributions(truth: ArrayLike, prediction: ArrayLike) -> tuple[Floats, Floats]:
    q, p = _real(truth, "truth", ndim=2), _real(prediction, "prediction", ndim=2)
    if q.shape != p.shape:
        raise DataError(f"truth and prediction must have as many rows and columns, got {q.shape} and {p.shape}")
    if not len(q):
        raise DataError("truth is empty: there is nothing to score")
    return _probable(q, "truth"), _probable(p, "prediction")


def bootstrap(
    metric: Metric,
    truth: ArrayLike,
    prediction: ArrayLike,
    speakers: ArrayLike,
    *,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a metric over speakers: the spread to expect with other speakers of the same kind.

    As many speakers as there are, are drawn with replacement, each with all their utterances, `n` times. The result
    depends on the seed and not on the order of the rows. Draws on which the metric is undefined (NaN) are left out.

    Args:
        metric: any `f(truth, prediction) -> float`; `functools.partial(brier, labels=...)` for those with arguments.
        truth: (n,) what `metric` takes.
        prediction: (n,) or (n, k), what `metric` takes.
        speakers: (n,) who speaks in each row.
        n: draws.
        seed: of numpy's default generator.
        level: share of the draws inside the interval, in (0, 1).

    Raises:
        DataError: unequal lengths, or fewer than two speakers.
        UsageError: no draws, or a level outside (0, 1).

    Source:
        A. C. Davison, D. V. Hinkley. Bootstrap Methods and their Application (1997), 3.8: resampling whole clusters.

    >>> bootstrap(accuracy, ["a", "a", "b", "b"], ["a", "a", "b", "a"], ["x", "x", "y", "y"])
    Interval(value=0.75, low=0.5, high=1.0)
    """
    if n < 1 or not 0 < level < 1:
        raise UsageError(f"bootstrap needs n >= 1 draws and a level between 0 and 1, got n={n}, level={level}")
    value = metric(truth, prediction)
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    who = _labels(speakers, "speakers")
    if len(who) != len(truth):
        raise DataError(f"truth has {len(truth)} rows and speakers has {len(who)}: each row needs its speaker")
    draws, who = _draw_speakers(who, n, seed)
    many = _redraw_counts if metric in _FROM_COUNTS else _redraw_rows
    return interval(value, many(metric, truth, prediction, who, draws), level=level)


def interval(value: float, drawn: ArrayLike, *, level: float = 0.95) -> Interval:
    """Make an interval of what a metric was on many draws: its quantiles. Draws that are NaN are left out.

    >>> interval(0.5, np.arange(101) / 100, level=0.5)
    Interval(value=0.5, low=0.25, high=0.75)
    """
    found = np.asarray(drawn, np.float64)
    found = found[~np.isnan(found)]
    if not len(found):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def draw_speakers(speakers: ArrayLike, *, n: int = 1000, seed: int = 0) -> Counts:
    """Draw as `bootstrap` does: how often each speaker, in sorted order, is in each draw.

    What is a sum over speakers (counts, squared errors) is then the same sum for all draws in one product, and two
    models can be compared on the very same draws.

    Args:
        speakers: (rows,) who speaks in each row.
        n: draws.
        seed: of numpy's default generator.

    Returns:
        (n, speakers), each row sums to the number of speakers.

    Raises:
        DataError: fewer than two speakers.

    >>> draw_speakers(["x", "x", "y"], n=3).sum(axis=1)
    array([2, 2, 2])
    """
    draws, _ = _draw_speakers(_labels(speakers, "speakers"), n, seed)
    return _times(draws)


def _draw_speakers(who: NDArray[Any], n: int, seed: int) -> tuple[Counts, Counts]:
    people, who = np.unique(who, return_inverse=True)
    if len(people) < 2:
        raise DataError(f"only the speaker {people[0]!s}: an interval over speakers needs at least two")
    return np.random.default_rng(seed).integers(len(people), size=(n, len(people))), who


def _times(draws: Counts) -> Counts:
    return np.stack([np.bincount(draw, minlength=draws.shape[1]) for draw in draws])


def _redraw_rows(metric: Metric, truth: NDArray[Any], prediction: NDArray[Any], who: Counts, draws: Counts) -> Floats:
    rows = [np.flatnonzero(who == speaker) for speaker in range(draws.shape[1])]
    picks = (np.concatenate([rows[speaker] for speaker in draw]) for draw in draws)
    return np.array([metric(truth[pick], prediction[pick]) for pick in picks])


def _redraw_counts(metric: Metric, truth: NDArray[Any], prediction: NDArray[Any], who: Counts, draws: Counts) -> Floats:
    """Add up the speakers' confusion matrices, all draws in one product: a hundred times faster than row by row."""
    people = draws.shape[1]
    names = np.unique(np.concatenate([truth, prediction])).tolist()
    each = np.stack([_count(truth[who == s], prediction[who == s], names)[0].ravel() for s in range(people)])
    return of_counts(metric, (_times(draws) @ each).reshape(-1, len(names), len(names)))


def of_counts(metric: Metric, counts: Counts) -> Floats:
    """Compute accuracy, uar, macro_f1 or weighted_f1 of confusion matrices (..., k, k), one value each.

    Raises:
        UsageError: the metric is none of these.

    >>> of_counts(uar, np.array([[[1, 0], [1, 1]], [[2, 0], [0, 2]]])).tolist()
    [0.75, 1.0]
    """
    if metric not in _FROM_COUNTS:
        known = ", ".join(one.__name__ for one in _FROM_COUNTS)
        raise UsageError(f"only {known} follow from a confusion matrix")
    return np.asarray(_FROM_COUNTS[metric](counts))


# Each of these works on one confusion matrix (k, k) or on a stack of them (..., k, k).


def _accuracy(counts: Counts) -> Floats:
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def _uar(counts: Counts) -> Floats:
    return np.asarray(np.mean(_recall(counts), axis=-1, where=counts.sum(-1) > 0))


def _recall(counts: Counts) -> Floats:
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1))


def _f1(counts: Counts) -> Floats:
    return _ratio(2 * np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1) + counts.sum(-2))


def _macro_f1(counts: Counts) -> Floats:
    return np.asarray(np.mean(_f1(counts), axis=-1, where=counts.sum(-1) + counts.sum(-2) > 0))


def _weighted_f1(counts: Counts) -> Floats:
    return _ratio(np.sum(_f1(counts) * counts.sum(-1), axis=-1), counts.sum((-2, -1)))


_FROM_COUNTS: Mapping[Metric, Callable[[Counts], Floats]] = {
    accuracy: _accuracy,
    uar: _uar,
    macro_f1: _macro_f1,
    weighted_f1: _weighted_f1,
}


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Divide; 0 where there is nothing to divide by (the caller leaves such classes out)."""
    share: Floats = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
    return share


def _recalls(counts: Counts, names: list[str]) -> dict[str, float]:
    found = zip(names, _recall(counts).tolist(), counts.sum(-1), strict=True)
    return {name: share for name, share, support in found if support}


def _f1s(counts: Counts, names: list[str]) -> dict[str, float]:
    found = zip(names, _f1(counts).tolist(), counts.sum(-1) + counts.sum(-2), strict=True)
    return {name: share for name, share, there in found if there}


def _count(truth: ArrayLike, prediction: ArrayLike, labels: Iterable[Any] | None) -> tuple[Counts, list[str]]:
    x, y = _labels(truth, "truth"), _labels(prediction, "prediction")
    _same_length(x, y)
    names = list(labels) if labels is not None else np.unique(np.concatenate([x, y])).tolist()
    k = len(names)
    cells = _codes(x, names, "truth") * k + _codes(y, names, "prediction")
    return np.bincount(cells, minlength=k * k).reshape(k, k), [str(name) for name in names]


def _codes(values: NDArray[Any], names: list[Any], what: str) -> Counts:
    seen, places = np.unique(values, return_inverse=True)
    index = {name: code for code, name in enumerate(names)}
    strange = [name for name in seen.tolist() if name not in index]
    if strange:
        known = ", ".join(map(str, names))
        raise DataError(f"{what} has the label {strange[0]!r}, which is not among the labels given: {known}")
    return np.array([index[name] for name in seen.tolist()])[places]


def _labels(values: ArrayLike, what: str) -> NDArray[Any]:
    given = np.asarray(values, dtype=object)  # as objects, since numpy's strings would swallow None and NaN
    if given.ndim != 1:
        raise DataError(f"{what} must have one label per row, got the shape {given.shape}")
    if not len(given):
        raise DataError(f"{what} is empty: there is nothing to score")
    for row, value in enumerate(given):
        if not isinstance(value, str | int | np.integer | np.bool_):
            raise DataError(f"{what} has {value!r} in row {row}: a label is text or a whole number; leave others out")
    return np.asarray(given.tolist())


def _numbers(truth: ArrayLike, prediction: ArrayLike, *, least: int = 1) -> tuple[Floats, Floats]:
    x, y = _real(truth, "truth", ndim=1), _real(prediction, "prediction", ndim=1)
    _same_length(x, y)
    if len(x) < least:
        raise DataError(f"got {len(x)} values: this metric needs at least {least}")
    return x, y


def _real(values: ArrayLike, what: str, *, ndim: int) -> Floats:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} must be numbers, got {str(values)[:60]}") from error
    if array.ndim != ndim:
        allowed = "one number" if ndim == 1 else "one probability per label"
        raise DataError(f"{what} must have {allowed} per row, got the shape {array.shape}")
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(f"{what} is NaN or infinite in row {row}: leave out what has no value")
    return array


def _judged(truth: ArrayLike, prediction: ArrayLike, labels: Iterable[str]) -> tuple[Counts, Floats]:
    x, probs, names = _labels(truth, "truth"), _real(prediction, "prediction", ndim=2), list(labels)
    _same_length(x, probs)
    if probs.shape[1] != len(names):
        raise DataError(f"prediction must have {len(names)} columns, one per label, got {probs.shape[1]}")
    return _codes(x, names, "truth"), _probable(probs, "prediction")


def _probable(probs: Floats, what: str) -> Floats:
    wrong = (probs.min(axis=1) < 0) | (np.abs(probs.sum(axis=1) - 1) > 1e-3)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{what}'s row {row} is no probability: {probs[row]} (each >= 0, sum 1)")
    return probs


def _same_length(truth: NDArray[Any], prediction: NDArray[Any]) -> None:
    if len(truth) != len(prediction):
        raise DataError(f"truth and prediction must have as many rows, got {truth.shape} and {prediction.shape}")
