from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch

from smoothbit.quant import QUANTIZERS
from smoothbit.train.policies import POLICIES, choose_widths
from smoothbit.train.policies.base import budget_space, stage_sizes
from smoothbit.train.task import Task

METHODS = [name for name in QUANTIZERS.names() if QUANTIZERS.resolve(name).width_policy]


@pytest.fixture
def task(tiny) -> Task:
    return Task(tiny, tiny.split(None, 0))


def test_every_policy_has_a_method():
    assert {QUANTIZERS.resolve(name).width_policy for name in METHODS} == set(POLICIES.names())


def test_sizes_are_those_of_one_pass(recipe, task):
    """60 nodes, 12 features, 8 hidden channels, 3 classes, 3 steps of GCN."""
    sizes = stage_sizes(replace(recipe, propagation="gcn"), task)
    states = 60 * 3
    wanted = {"inputs": 60 * 12, "weights": 12 * 8 + 8 * 3, "activations": 60 * 8 + states}
    assert sizes == {**wanted, "messages": states, "aggregates": 2 * states, "updates": 2 * states}


def test_space_is_full_and_within_the_budget():
    sizes = {"weights": 10, "messages": 10, "updates": 5}
    space = budget_space(sizes, 4, {})
    means = {
        bits: sum(b * n for b, n in zip(bits, sizes.values(), strict=True)) / 25
        for bits in product((1, 2, 4, 8), repeat=3)
    }
    within = {bits for bits, mean in means.items() if mean <= 4}
    within = {bits for bits in within if bits[1] > 1 and bits[2] > 1}
    full = {bits for bits in within if not any((*bits[:k], 2 * bits[k], *bits[k + 1 :]) in within for k in range(3))}
    assert {tuple(widths.values()) for widths in space} == full
    assert (4, 4, 4) in full
    assert len(full) > 3


def test_given_widths_are_kept_and_not_counted():
    space = budget_space({"weights": 10, "messages": 30}, 2, {"weights": 8})
    assert space == [{"messages": 2}]


@pytest.mark.parametrize("name", METHODS)
def test_one_bit_leaves_no_choice(recipe, task, name):
    chosen = choose_widths(replace(recipe, quantizer=name, num_bits=1), task, {})
    assert set(chosen.values()) == {1}


@pytest.mark.parametrize("name", ["qlr", *METHODS])
def test_float_network_and_methods_of_one_width_choose_nothing(recipe, task, name):
    bits = 2 if name == "qlr" else 32
    assert choose_widths(replace(recipe, quantizer=name, num_bits=bits), task, {}) == {}


@pytest.mark.parametrize("name", METHODS)
def test_choice_keeps_budget_and_draws_nothing_from_training(recipe, task, name):
    config = replace(recipe, quantizer=name, num_bits=2, stage_bits={"inputs": 8})
    sizes = stage_sizes(config, task)
    state = torch.get_rng_state()
    chosen = choose_widths(config, task, {})
    assert torch.equal(torch.get_rng_state(), state)
    assert set(chosen) == set(sizes)
    assert chosen["inputs"] == 8
    free = [stage for stage in sizes if stage != "inputs"]
    assert sum(chosen[s] * sizes[s] for s in free) <= 2 * sum(sizes[s] for s in free)
