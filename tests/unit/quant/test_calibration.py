from __future__ import annotations

import pytest
import torch
from torch import nn

from smoothbit import quantize_
from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.quant import A2Q, MinMax, MixQ, QuantConfig, bypass, calibrate


def test_training_flags_are_restored_and_dropout_is_off_inside():
    model = nn.Sequential(nn.Dropout(0.9), MinMax(8)).train()
    with calibrate(model):
        assert not model.training
        model(torch.ones(10, 10))
    assert model.training
    assert model[1].observer.hi.item() == 1.0


def test_weight_quantizers_keep_observing_in_training():
    quantizer = MinMax(8, is_weight=True)
    with calibrate(quantizer):
        quantizer(torch.ones(2, 2))
    quantizer.train()(torch.full((2, 2), 5.0))
    assert quantizer.observer.hi.item() == 5.0


def test_flags_are_restored_after_an_error():
    model = nn.Sequential(MinMax(8)).train()
    try:
        with calibrate(model):
            raise RuntimeError
    except RuntimeError:
        pass
    assert model.training
    assert model[0].is_observing is False


def heavy_tailed(quantizer: str = "qlr", num_bits: int = 4) -> tuple[nn.Module, torch.Tensor]:
    """Return a network whose input has one value far outside the others."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5)).eval()
    quantize_(model, QuantConfig(quantizer, num_bits))
    x = torch.randn(200, 12)
    x[0, 0] = 40.0
    return model, x


def error_of(model: nn.Module, x: torch.Tensor) -> float:
    with bypass(model), torch.no_grad():
        wanted = model(x)
    with torch.no_grad():
        return float((model(x) - wanted).square().mean())


@pytest.mark.parametrize("quantizer", ["minmax", "qlr", "bt", "lsq"])
@pytest.mark.parametrize("method", ["percentile", "mse", "cross_entropy"])
def test_methods_clip_an_outlier(method, quantizer):
    errors = []
    for name, percentile in (("percentile", 100.0), (method, 99.0)):
        model, x = heavy_tailed(quantizer)
        with calibrate(model, name, percentile=percentile):
            model(x)
        errors.append(error_of(model, x[1:]))
    assert errors[1] < errors[0] / 2


def test_percentile_counts_the_values_other_than_0():
    quantizer = MinMax(8)
    x = torch.zeros(100, 101)
    x[0] = torch.arange(-50, 51)
    with calibrate(quantizer, "percentile", percentile=98.0):
        quantizer(x)
    lo, hi = (x[0][x[0] != 0].quantile(q) for q in (0.02, 0.98))
    torch.testing.assert_close((quantizer.observer.lo[0], quantizer.observer.hi[0]), (lo, hi))


@pytest.mark.parametrize("quantizer", ["minmax", "qlr", "lsq"])
def test_mse_is_no_worse_than_any_share_of_the_range(quantizer):
    config = QuantConfig(quantizer, 2, weight_granularity="per_channel")
    weights = config.make("weights", 8)
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(0)) ** 3
    with calibrate(weights, "mse"):
        weights(x)
    best = (weights(x) - x).square().mean(dim=0)
    lo, hi = (torch.minimum(x.amin(dim=0), torch.zeros(8)), torch.maximum(x.amax(dim=0), torch.zeros(8)))
    for share in (0.25, 0.5, 0.75, 1.0):
        weights.set_range(share * lo, share * hi)
        assert ((weights(x) - x).square().mean(dim=0) >= best).all()


def cross_entropy_of(model: nn.Module, x: torch.Tensor) -> float:
    with bypass(model), torch.no_grad():
        teacher = model(x).softmax(dim=1)
    with torch.no_grad():
        return float(-(teacher * model(x).log_softmax(dim=1)).sum(dim=1).mean())


def test_cross_entropy_brings_scores_closer_than_mse():
    found = {}
    for method in ("mse", "cross_entropy"):
        model, x = heavy_tailed(num_bits=2)
        with calibrate(model, method):
            model(x)
        found[method] = cross_entropy_of(model, x)
    assert found["cross_entropy"] < found["mse"]


@pytest.mark.parametrize("method", ["percentile", "mse", "cross_entropy"])
def test_training_goes_on_from_a_calibrated_weight(method):
    model, x = heavy_tailed("qlr")
    with calibrate(model, method):
        model(x)
    before = model(x)
    torch.testing.assert_close(model.train()(x), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "entropy"}, r"`method` to be one of minmax, .* \(got 'entropy'\)"),
        ({"method": "percentile", "percentile": 0.1}, r"`percentile` to be in \(50, 100\] \(got 0.1\)"),
    ],
    ids=["method", "percentile"],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message), calibrate(MinMax(8), **options):
        raise AssertionError("the block must not run")


def test_no_pass_is_refused():
    with pytest.raises(ArgumentError, match="Expected a pass of the model inside `calibrate`"):
        with_pass(nn.Sequential(MinMax(8)), "mse", None)


def test_scores_that_are_no_classes_are_refused():
    model, x = heavy_tailed()
    with pytest.raises(ArgumentError, match=r"to return class scores \[N, C\].* \(got \[1000\]\)"):
        with_pass(nn.Sequential(model, nn.Flatten(0)), "cross_entropy", x)


@pytest.mark.parametrize("quantizer", [A2Q(4), MixQ(4)], ids=["a2q", "mixq"])
def test_quantizers_without_a_range_are_refused(quantizer):
    with pytest.raises(UnsupportedError, match=r"to have a range that can be set \(got"):
        with_pass(quantizer, "mse", torch.ones(3, 3))


def with_pass(model: nn.Module, method: str, x: torch.Tensor | None) -> None:
    with calibrate(model, method):
        if x is not None:
            model(x)
