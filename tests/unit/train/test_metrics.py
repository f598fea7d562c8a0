import numpy as np
import pytest

from smoothbit.errors import DatasetError
from smoothbit.train.metrics import cross_entropy, evaluate

LABELS = np.array([0, 1, 1, 0])
SCORES = np.array([[2, 0], [0, 1], [3, 0], [1, 0]], dtype=np.float32)


def test_accuracy_counts_selected_nodes_only() -> None:
    assert evaluate("accuracy", LABELS, SCORES, np.array([True, True, True, False])) == pytest.approx(2 / 3)


def test_roc_auc_is_the_share_of_ordered_pairs() -> None:
    assert evaluate("roc_auc", LABELS, SCORES, np.ones(4, bool)) == pytest.approx(0.5)


def test_cross_entropy_has_a_closed_form() -> None:
    expected = np.log1p(np.exp(-2.0))
    assert cross_entropy(LABELS, SCORES, np.array([True, False, False, False])) == pytest.approx(expected)


def test_no_node_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"Expected `nodes` to select at least one node \(got none\)"):
        evaluate("accuracy", LABELS, SCORES, np.zeros(4, bool))


def test_roc_auc_of_one_class_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"Expected `nodes` to hold both classes .*only class 1"):
        evaluate("roc_auc", LABELS, SCORES, LABELS == 1)
