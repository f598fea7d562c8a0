"""Invariants of every quantizer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smoothbit.numerics import affine
from smoothbit.quant import QUANTIZERS, Quantizer, calibrate
from smoothbit.quant.config import STAGES
from smoothbit.testing.check_list import Check, CheckList, require, require_equal, require_refusal, run_all

BITS = (1, 2, 4, 8)
CHANNELS = 6


@dataclass(frozen=True)
class _Maker:
    """Makes quantizers of one class.

    Args:
        method: The class.
        options: Options for every one that is made.
    """

    method: type[Quantizer]
    options: Mapping[str, object]

    def __call__(self, num_bits: int, **options: object) -> Quantizer:
        return self.method(num_bits, **{**self.options, **options})  # type: ignore[arg-type]


CHECKS: CheckList[_Maker] = CheckList("docs/adding-a-quantizer.md")


def check_quantizer(quantizer: str | type[Quantizer], **options: object) -> None:
    """Check that a quantizer keeps the rules that training, export and engine rely on.

    Args:
        quantizer: Registered name, name of an installed plugin, or class.
        options: Options of the class for every quantizer that is made; the checks use 240 values.

    Raises:
        InvariantError: a rule is broken; the message names it, the case and the values.
        ArgumentError: no quantizer of that name.
    """
    run_all(quantizer_checks(quantizer, **options))


def quantizer_checks(quantizer: str | type[Quantizer], **options: object) -> list[Check]:
    """Return name and function of each check of `check_quantizer`."""
    method = QUANTIZERS.resolve(quantizer) if isinstance(quantizer, str) else quantizer
    name = quantizer if isinstance(quantizer, str) else getattr(method, "__name__", repr(method))
    return CHECKS.bind(_Maker(method, options), f"quantizer '{name}'")


def _values(seed: int = 0) -> Tensor:
    """Return signed values [40, 6]."""
    return torch.randn(40, CHANNELS, generator=torch.Generator().manual_seed(seed))


def _state(quantizer: Quantizer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in quantizer.state_dict().items()}


def _require_same_state(quantizer: Quantizer, before: Mapping[str, Tensor], rule: str) -> None:
    for name, value in quantizer.state_dict().items():
        require(torch.equal(value, before[name]), f"{rule} `{name}` at {before[name]}", value)


@CHECKS.add()
def is_a_quantizer(make: _Maker) -> None:
    """The class has the interface."""
    is_one = isinstance(make.method, type) and issubclass(make.method, Quantizer)
    require(is_one, "a subclass of smoothbit.quant.Quantizer", make.method)


@CHECKS.add(stage=STAGES)
def takes_the_arguments_of_a_configuration(make: _Maker, stage: str) -> None:
    """`QuantConfig` makes it with these arguments."""
    granularity = "per_channel" if stage == "weights" else "per_tensor"
    quantizer = make(
        4,
        num_channels=CHANNELS,
        granularity=granularity,
        is_weight=stage == "weights",
        stage=stage,
        grid="integer",
    )
    got = (quantizer.stage, quantizer.granularity, quantizer.is_weight)
    require(got == (stage, granularity, stage == "weights"), "stage, granularity and kind as given", got)


@CHECKS.add(num_bits=BITS, granularity=("per_tensor", "per_channel"), kind=("signed", "positive"))
def forward_equals_the_numpy_law(make: _Maker, num_bits: int, granularity: str, kind: str) -> None:
    """x^ is what `law()` gives in NumPy, bit for bit."""
    quantizer = make(num_bits, num_channels=CHANNELS, granularity=granularity)
    x = _values().abs() if kind == "positive" else _values()
    fake = quantizer(x).detach().numpy()
    law = quantizer.law()
    codes = affine.quantize(x.numpy(), law)
    require_equal(fake, affine.dequantize(codes, law), "x^ is what the law gives")
    require(law.num_bits == num_bits, f"a law of {num_bits} bits", law.num_bits)
    require(len(np.unique(codes)) > 1, "more than one code is in use", np.unique(codes))


@CHECKS.add(num_bits=BITS)
def evaluation_is_frozen(make: _Maker, num_bits: int) -> None:
    """A pass in evaluation changes no state."""
    quantizer = make(num_bits)
    quantizer(_values())
    quantizer.eval()
    before = _state(quantizer)
    quantizer(_values(1) * 3)
    _require_same_state(quantizer, before, "evaluation leaves")


@CHECKS.add(num_bits=BITS)
def quantized_values_are_kept(make: _Maker, num_bits: int) -> None:
    """The law gives x^ for x^."""
    quantizer = make(num_bits)
    quantizer(_values())
    once = quantizer.eval()(_values(1) * 3).detach().numpy()
    law = quantizer.law()
    require_equal(affine.dequantize(affine.quantize(once, law), law), once, "x^ of x^ is x^")


@CHECKS.add(num_bits=BITS)
def state_dict_carries_the_law(make: _Maker, num_bits: int) -> None:
    """A fresh quantizer with the state of a trained one is that one."""
    trained, fresh = make(num_bits), make(num_bits)
    trained(_values())
    fresh.load_state_dict(trained.state_dict())
    x = _values(2)
    got, want = fresh.eval()(x).detach().numpy(), trained.eval()(x).detach().numpy()
    require_equal(got, want, "x^ after `load_state_dict` is x^ before")


@CHECKS.add()
def a_copy_is_the_same_quantizer(make: _Maker) -> None:
    """Networks are copied with all their parts."""
    quantizer = make(4)
    quantizer(_values())
    other = copy.deepcopy(quantizer)
    x = _values(2)
    got, want = other.eval()(x).detach().numpy(), quantizer.eval()(x).detach().numpy()
    require_equal(got, want, "x^ of a copy is x^")


@CHECKS.add()
def eight_bits_are_closer_than_two(make: _Maker) -> None:
    """The mean error falls to a quarter at least."""
    x = _values()
    coarse, fine = (float((make(num_bits)(x).detach() - x).abs().mean()) for num_bits in (2, 8))
    require(fine < coarse / 4, f"mean |x^ - x| at 8 bits below a quarter of {coarse} at 2 bits", fine)


@CHECKS.add()
def gradient_is_straight_through_inside_and_zero_outside(make: _Maker) -> None:
    """dx^/dx at the middle of the grid, five steps below its first level, five above its last."""
    quantizer = make(4)
    quantizer(_values())
    quantizer.eval()
    law = quantizer.law()
    first, last = affine.dequantize(np.array([[0, law.qmax]], dtype=np.uint8), law)[0]
    step = float(law.step[0])
    x = torch.tensor([(first + last) / 2, first - 5 * step, last + 5 * step], requires_grad=True)
    quantizer(x).sum().backward()
    got = None if x.grad is None else x.grad.tolist()
    require(got == [1.0, 0.0, 0.0], f"gradients 1, 0, 0 at {x.tolist()}", got)


@CHECKS.add()
def range_parameters_receive_gradient(make: _Maker) -> None:
    """What the optimiser is given moves."""
    quantizer = make(2)
    (quantizer(_values().requires_grad_(True)) ** 3).sum().backward()
    for index, parameter in enumerate(quantizer.range_parameters()):
        is_moved = parameter.grad is not None and float(parameter.grad.abs().sum()) > 0
        require(is_moved, f"a gradient that is not 0 for range parameter {index}", parameter.grad)


@CHECKS.add()
def an_all_zero_tensor_gives_zeros(make: _Maker) -> None:
    """An empty range has a law too."""
    require_equal(make(2)(torch.zeros(5, 3)).detach().numpy(), np.zeros((5, 3), np.float32), "zeros for zeros")


@CHECKS.add()
def an_empty_tensor_passes_through(make: _Maker) -> None:
    """Graphs without nodes of a kind exist."""
    got = make(2)(torch.zeros(0, 3)).shape
    require(got == (0, 3), "shape [0, 3] for a tensor without rows", list(got))


@CHECKS.add()
def an_unseen_batch_is_refused(make: _Maker) -> None:
    """No law before the first batch."""
    quantizer = make(2).eval()
    require_refusal(lambda: quantizer(torch.ones(2, 2)), "batch", "a forward pass before the first batch is refused")
    require_refusal(quantizer.law, "batch", "a law before the first batch is refused")


@CHECKS.add()
def unknown_arguments_are_refused(make: _Maker) -> None:
    """Options reach the base class."""
    refused = "an unknown {} is refused"
    require_refusal(lambda: make(2, granularity="per_edge"), "`granularity`", refused.format("granularity"))
    require_refusal(lambda: make(3), "`num_bits`", refused.format("width"))


@CHECKS.add()
def calibration_alone_observes(make: _Maker) -> None:
    """After `calibrate` training passes leave the ranges alone."""
    quantizer = make(4)
    with calibrate(quantizer):
        quantizer(_values())
    before = _state(quantizer)
    quantizer.train()(_values() * 100)
    _require_same_state(quantizer, before, "a training pass after calibration leaves")
