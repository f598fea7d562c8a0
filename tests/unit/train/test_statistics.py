import numpy as np
import pytest

from smoothbit.train.statistics import paired_test


def test_paired_difference_against_the_formula() -> None:
    rng = np.random.default_rng(0)
    baseline = {seed: 0.8 + 0.1 * rng.random() for seed in range(8)}
    values = {seed: value - 0.01 + 0.02 * rng.random() for seed, value in baseline.items()}
    result = paired_test(values, baseline)
    differences = np.array([values[seed] - baseline[seed] for seed in range(8)])
    half = 2.364624252 * differences.std(ddof=1) / np.sqrt(8)  # Student's 97.5% quantile, 7 degrees of freedom
    assert result["difference"] == pytest.approx(differences.mean())
    assert result["difference_interval95"] == pytest.approx(half)
    # The interval excludes 0 exactly where p < 0.05.
    assert (result["p_ttest"] < 0.05) is bool(abs(differences.mean()) > half)
    assert 0 < result["p_wilcoxon"] <= 1


def test_smallest_p_of_six_pairs() -> None:
    result = paired_test({seed: 0.1 * seed + 0.1 for seed in range(6)}, dict.fromkeys(range(6), 0.0))
    assert result["p_wilcoxon"] == pytest.approx(2 / 2**6)


def test_only_common_seeds_count() -> None:
    result = paired_test({0: 0.9, 1: 0.8, 7: 0.0}, {0: 0.8, 1: 0.6, 2: 1.0})
    assert result["difference"] == pytest.approx(0.15)
    assert result["p_wilcoxon"] is None


def test_equal_results_have_no_p() -> None:
    same = dict.fromkeys(range(6), 0.5)
    assert paired_test(same, same) == {
        "difference": 0.0, "difference_interval95": 0.0, "p_ttest": None, "p_wilcoxon": None,
    }  # fmt: skip
    assert paired_test({0: 0.5}, {0: 0.25})["difference_interval95"] is None
    assert paired_test({0: 0.5}, {1: 0.5})["difference"] is None
