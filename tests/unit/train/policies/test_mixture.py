from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from smoothbit.data.transforms import csr_from_dense, row_normalized
from smoothbit.quant import QuantConfig
from smoothbit.train.policies import Mixture
from smoothbit.train.policies.base import budget_space, choose_widths, stage_sizes
from smoothbit.train.policies.mixture import BITS, CANDIDATES, RelaxedConfig, mean_bits
from smoothbit.train.task import Task

SIZES = {"weights": 10, "messages": 30}


def _logits(**stages):
    return {stage: torch.tensor(values, requires_grad=True) for stage, values in stages.items()}


@pytest.fixture
def mixture(recipe, tiny) -> Mixture:
    config = replace(recipe, quantizer="mixq", num_bits=2)
    task = Task(tiny, tiny.split(None, 0))
    sizes = stage_sizes(config, task)
    return Mixture(config, task, {}, sizes, budget_space(sizes, 2, {}))


@pytest.mark.parametrize("index", range(3), ids=CANDIDATES)
def test_one_hot_mixture_is_the_fixed_quantizer(index):
    """methods/13, acceptance 3; exp(-200) is 0 in float32."""
    logits = torch.full((3,), -200.0)
    logits[index] = 0.0
    relaxed = RelaxedConfig("mixq", 2, logits={"messages": logits}).make("messages")
    fixed = QuantConfig("mixq", CANDIDATES[index]).make("messages")
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(relaxed(x), fixed(x))


def test_other_stages_keep_their_width():
    config = RelaxedConfig("mixq", 2, {"weights": 8}, logits=_logits(messages=[0.0] * 3))
    assert config.make("weights").num_bits == 8
    assert config.make("updates").num_bits == 2


def test_mean_is_weighted_by_size():
    even = _logits(weights=[0.0] * 3, messages=[0.0, -200.0, -200.0])
    assert float(mean_bits(even, SIZES).detach()) == pytest.approx((10 * 14 / 3 + 30 * 2) / 40)


@pytest.mark.parametrize(("price", "wanted"), [(1.0, 2), (-1.0, 8)], ids=["positive", "negative"])
def test_price_alone_leads_to_the_narrowest_or_the_widest(price, wanted):
    """methods/13, acceptance 2."""
    logits = {stage: BITS.softmax(dim=0).requires_grad_() for stage in SIZES}
    optimiser = torch.optim.Adam(logits.values(), lr=0.05)
    for _ in range(50):
        optimiser.zero_grad()
        (price * mean_bits(logits, SIZES)).backward()
        optimiser.step()
    assert {CANDIDATES[int(values.argmax())] for values in logits.values()} == {wanted}


def test_mean_width_falls_with_the_price(mixture):
    """methods/13, acceptance 4: monotone over 5 prices, so the rank correlation is -1."""
    means = []
    for price in (-1.0, 0.0, 0.1, 1.0, 10.0):
        torch.manual_seed(0)
        means.append(float(mean_bits(mixture.relax(price, epochs=20), mixture.sizes).detach()))
    assert means == sorted(means, reverse=True)
    assert means[0] > 14 / 3 > means[-1]


def test_price_follows_the_excess_over_the_budget(mixture):
    torch.manual_seed(0)
    logits = mixture.relax()
    assert float(mean_bits(logits, mixture.sizes).detach()) < 3
    assert all(values.grad is not None for values in logits.values())


def test_sparse_inputs_keep_the_width_of_the_budget(recipe, tiny):
    values = tiny.features.to_dense().clip(min=0)
    sparse = replace(tiny, features=row_normalized(csr_from_dense(values)))
    config = replace(recipe, quantizer="mixq", num_bits=4)
    chosen = choose_widths(config, Task(sparse, sparse.split(None, 0)), {})
    assert chosen["inputs"] == 4
