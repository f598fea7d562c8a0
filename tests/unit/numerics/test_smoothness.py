import numpy as np
import pytest

from smoothbit.numerics.smoothness import dirichlet_energy, mean_average_distance
from tests.helpers import random_graph


def edges(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    heads, tails = np.nonzero(np.triu(dense, 1))
    return heads, tails


def adjacency() -> np.ndarray:
    csr = random_graph().with_self_loops()
    dense = np.zeros((csr.num_rows, csr.num_rows))
    dense[csr.entry_rows(), csr.indices] = 1
    return dense


def test_energy_is_the_quadratic_form() -> None:
    dense = adjacency()
    degree = dense.sum(axis=1)
    states = np.random.default_rng(0).standard_normal((len(dense), 5)).astype(np.float32)
    laplacian = np.eye(len(dense)) - dense / np.sqrt(np.outer(degree, degree))
    wanted = np.trace(states.T @ laplacian @ states) / (states.astype(np.float64) ** 2).sum()
    # Float64 sums of some hundred terms from float32 values: far below 1e-12 relative.
    assert dirichlet_energy(states, *edges(dense), degree.astype(np.float32)) == pytest.approx(wanted, rel=1e-12)


def test_energy_of_the_smoothest_state_and_of_nothing() -> None:
    dense = adjacency()
    degree = dense.sum(axis=1).astype(np.float32)
    smooth = np.sqrt(degree)[:, None]
    # The root in float32 is off by half an ulp: squared, about 1e-15.
    assert dirichlet_energy(smooth, *edges(dense), degree) < 1e-14
    assert dirichlet_energy(np.zeros_like(smooth), *edges(dense), degree) == 0.0


def test_distance_is_one_minus_cosine() -> None:
    states = np.array([[1, 0], [0, 2], [3, 3], [-1, 0], [0, 0]], dtype=np.float32)
    pairs = [((0, 1), 1.0), ((0, 2), 1 - np.sqrt(0.5)), ((0, 3), 2.0), ((1, 1), 0.0)]
    for (i, j), wanted in pairs:
        assert mean_average_distance(states, np.array([i]), np.array([j])) == pytest.approx(wanted, abs=1e-15)


def test_states_of_zeros_are_left_out() -> None:
    states = np.array([[1, 0], [0, 1], [0, 0]], dtype=np.float32)
    heads, tails = np.array([0, 0, 1]), np.array([1, 2, 2])
    assert mean_average_distance(states, heads, tails) == pytest.approx(1.0)
    assert mean_average_distance(states, heads[1:], tails[1:]) == 0.0
