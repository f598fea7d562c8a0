"""Every registered quantizer keeps the invariants, and each invariant finds a quantizer that breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from smoothbit.errors import ArgumentError, InvariantError
from smoothbit.quant import LSQ, QUANTIZERS, MinMax
from smoothbit.testing import check_quantizer, quantizer_checks
from smoothbit.testing.check_list import run_all


@pytest.mark.parametrize(
    ("quantizer", "check"),
    [
        pytest.param(quantizer, check, id=f"{quantizer}-{name}")
        for quantizer in QUANTIZERS.names()
        for name, check in quantizer_checks(quantizer)
    ],
)
def test_registered_quantizers(quantizer, check):
    check()


class Coarse(MinMax):
    """Forward pass of another width than the law's."""

    def forward(self, x):
        return super().forward((x * 2).round() / 2)


class Drifting(MinMax):
    """Observes in evaluation too."""

    def forward(self, x):
        self._observe(x.detach())
        return super().forward(x)


class Forgetful(MinMax):
    """Keeps part of its law outside the state."""

    factor = 1.0

    def initialise(self, groups):
        super().initialise(groups)
        self.factor = 2.0

    def torch_law(self):
        law = super().torch_law()
        return replace(law, scale=law.scale * self.factor)


class Shifted(MinMax):
    """Truncates onto a grid that its own levels miss."""

    def torch_law(self):
        law = super().torch_law()
        return replace(law, divisor=3, shift=40)


class Wide(MinMax):
    """Never finer than a step of 1."""

    def torch_law(self):
        law = super().torch_law()
        return replace(law, scale=law.scale.clamp(min=1.0))


class Leaky(MinMax):
    """Passes gradients of clipped values."""

    def forward(self, x):
        return x + (super().forward(x) - x).detach()


class Unlearned(LSQ):
    """Gives the optimiser a parameter that nothing depends on."""

    def torch_law(self):
        law = super().torch_law()
        return replace(law, scale=law.scale.detach())


class Offset(MinMax):
    """Has no level at 0."""

    def torch_law(self):
        law = super().torch_law()
        return replace(law, phase=law.phase + 0.25)


class Strict(MinMax):
    """Wants elements."""

    def forward(self, x):
        assert x.numel() > 0, "no elements"
        return super().forward(x)


class Eager(MinMax):
    """Has a law before it saw anything."""

    def __init__(self, num_bits, **options):
        super().__init__(num_bits, **options)
        self.is_initialised.fill_(True)


class Deaf(MinMax):
    """Drops its options."""

    def __init__(self, num_bits, **options):
        super().__init__(num_bits)


class Restless(MinMax):
    """Observes after calibration."""

    def forward(self, x):
        if self.training:
            self._observe(x.detach())
        return super().forward(x)


class Shared(MinMax):
    """Cannot be copied."""

    def __deepcopy__(self, memo):
        raise TypeError("one of a kind")


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (object, "is_a_quantizer"),
        (Deaf, "takes_the_arguments_of_a_configuration"),
        (Coarse, "forward_equals_the_numpy_law"),
        (Drifting, "evaluation_is_frozen"),
        (Shifted, "quantized_values_are_kept"),
        (Forgetful, "state_dict_carries_the_law"),
        (Shared, "a_copy_is_the_same_quantizer"),
        (Wide, "eight_bits_are_closer_than_two"),
        (Leaky, "gradient_is_straight_through_inside_and_zero_outside"),
        (Unlearned, "range_parameters_receive_gradient"),
        (Offset, "an_all_zero_tensor_gives_zeros"),
        (Strict, "an_empty_tensor_passes_through"),
        (Eager, "an_unseen_batch_is_refused"),
        (Deaf, "unknown_arguments_are_refused"),
        (Restless, "calibration_alone_observes"),
    ],
)
def test_invariant_finds_a_quantizer_that_breaks_it(broken, invariant):
    checks = (check for check in quantizer_checks(broken) if check[0].partition("[")[0] == invariant)
    with pytest.raises(InvariantError, match=rf"Expected quantizer '{broken.__name__}' to keep {invariant}.* \(got "):
        run_all(checks)


def test_every_invariant_has_a_quantizer_that_breaks_it():
    broken = test_invariant_finds_a_quantizer_that_breaks_it.pytestmark[0].args[1]
    assert {name.partition("[")[0] for name, _ in quantizer_checks(MinMax)} == {invariant for _, invariant in broken}


def test_a_class_is_checked_with_its_options():
    check_quantizer(MinMax)
    with pytest.raises(InvariantError, match=r"\(got TypeError: .* unexpected keyword argument 'coverage'"):
        check_quantizer(MinMax, coverage=0.9)


def test_unknown_name_is_refused():
    with pytest.raises(ArgumentError, match="Did you mean 'minmax'"):
        check_quantizer("minimax")


def test_values_are_named():
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match=r"x\^ is what the law gives, -?\d.* at \[0, \d\] \(got -?\d.* differ"):
        check_quantizer(Coarse)


def test_what_is_no_class_is_refused():
    with pytest.raises(InvariantError, match=r"keep is_a_quantizer: a subclass of .* \(got 3\)"):
        check_quantizer(3)
