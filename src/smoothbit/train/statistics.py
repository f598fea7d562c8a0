"""Paired comparison of two recipes over the same seeds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from smoothbit.data.optional import optional_module
from smoothbit.train.records import summarise

MIN_WILCOXON_PAIRS = 6
"""Fewer pairs cannot reach p < 0.05: the smallest two-sided p of n pairs is 2 / 2^n."""


def paired_test(values: Mapping[int, float], baseline: Mapping[int, float]) -> dict[str, float | None]:
    """Compare results by seed with those of a baseline.

    Args:
        values: Result of each seed.
        baseline: Result of each seed; only seeds of both count.

    Returns:
        difference: Mean of value minus baseline, None without a common seed.
        difference_interval95: Half width of its 95% interval (Student), None below 2 pairs.
        p_ttest: Two-sided p of the paired t-test, None where all differences are equal.
        p_wilcoxon: Two-sided p of the signed-rank test, None below 6 pairs or where all differences are 0.
    """
    seeds = sorted(values.keys() & baseline.keys())
    differences = np.array([values[seed] - baseline[seed] for seed in seeds])
    result: dict[str, float | None] = dict.fromkeys(("difference", "difference_interval95", "p_ttest", "p_wilcoxon"))
    if not seeds:
        return result
    summary = summarise(differences.tolist())
    result["difference"], result["difference_interval95"] = summary["mean"], summary["interval95"]
    stats = optional_module("scipy.stats", "scipy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of ties and of nearly equal values; both are usual here
        if len(seeds) > 1 and np.ptp(differences) > 0:
            first, second = ([side[seed] for seed in seeds] for side in (values, baseline))
            result["p_ttest"] = float(stats.ttest_rel(first, second).pvalue)
        if len(seeds) >= MIN_WILCOXON_PAIRS and differences.any():
            result["p_wilcoxon"] = float(stats.wilcoxon(differences).pvalue)
    return result
