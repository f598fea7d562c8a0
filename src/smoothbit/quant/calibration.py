"""Gather ranges from clean passes: the values that evaluation will see, without dropout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from smoothbit.errors import ArgumentError
from smoothbit.quant.bypass import bypass
from smoothbit.quant.functional import TorchLaw, dequantize, quantize
from smoothbit.quant.quantizers import Quantizer
from smoothbit.quant.row_stage import RowStage, is_row_binary

METHODS = ("minmax", "percentile", "mse", "cross_entropy")

NUM_CANDIDATES = 80
"""Shares of the full range that `mse` tries, evenly spaced up to 1."""

FACTORS = (0.5, 0.7, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 1.5)
"""Factors of one range that `cross_entropy` tries in each round."""

NUM_ROUNDS = 2
"""Rounds of `cross_entropy` over all ranges."""

MAX_VALUES = 1 << 16
"""Values of a tensor that are kept from one pass, evenly spaced."""


@contextmanager
def calibrate(model: nn.Module, method: str = "minmax", *, percentile: float = 99.9) -> Iterator[None]:
    """Let the quantizers of `model` observe the passes inside, run in evaluation mode without gradients.

    Afterwards the activation quantizers observe only in further `calibrate` blocks; without any
    such block they observe every training pass. Dropout widens what a training pass shows
    (by 1 / (1 - p)), so ranges taken there are too coarse for evaluation.

    Args:
        model: Network, or a quantizer.
        method: How ranges follow from what was seen.
            "minmax": as each quantizer does it by itself: all of the range, or a search of its own.
            "percentile": that share of the values other than 0 on either side.
            "mse": the share of the full range with the least mean square error; weights too.
            "cross_entropy": from there on, the ranges of activations that bring the scores closest to
            those of the same network in float32, one range after another.
        percentile: In (50, 100]; only for that method.

    Raises:
        ArgumentError: an unknown method or percentile; no pass inside; scores that are no [N, C] of classes.
        UnsupportedError: a quantizer has no range.

    Example:
        with calibrate(model):
            model(inputs, graph)
    """
    if method not in METHODS:
        raise ArgumentError(f"Expected `method` to be one of {', '.join(METHODS)} (got '{method}'). Use mse.")
    if not 50 < percentile <= 100:
        raise ArgumentError(f"Expected `percentile` to be in (50, 100] (got {percentile}). The default is 99.9.")
    was_training = model.training
    hooks = _recognise_features(model)
    quantizers = [module for module in model.modules() if isinstance(module, Quantizer)]
    model.eval()
    for quantizer in quantizers:
        quantizer.is_observing = True
    try:
        with torch.no_grad():
            if method == "minmax":
                yield
            else:
                with _Recorder(model).watching() as recorder:
                    yield
        for quantizer in quantizers:
            quantizer.is_observing = False
        if method != "minmax":
            with torch.no_grad():
                _fit(recorder, method, percentile)
    finally:
        for hook in hooks:
            hook.remove()
        for quantizer in quantizers:
            quantizer.is_observing = False
        model.train(was_training)


def _recognise_features(model: nn.Module) -> list[RemovableHandle]:
    """Let each `RowStage` decide by the first batch that it sees; return the hooks.

    Rows of one number are exact only where they are features, so the arguments of the network are looked at.
    """
    arguments: dict[int, bool] = {}
    undecided = {module for module in model.modules() if isinstance(module, RowStage)}

    def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for value in (*args, *kwargs.values()):
            if isinstance(value, Tensor) and value.is_floating_point() and value.dim() == 2:
                arguments[value.data_ptr()] = is_row_binary(value)

    def mark(stage: nn.Module, args: tuple[Any, ...]) -> None:
        assert isinstance(stage, RowStage)
        is_exact = arguments.get(args[0].data_ptr(), False)
        if stage in undecided:
            stage.choose(args[0], is_exact=is_exact)
        elif stage.read_mode() == "binary" and not is_exact:
            stage.mark("tensor")
        undecided.discard(stage)

    if not undecided:
        return []
    return [
        model.register_forward_pre_hook(note, with_kwargs=True),
        *(stage.register_forward_pre_hook(mark) for stage in undecided),
    ]


@dataclass
class _Recorder:
    """What the passes inside the block showed."""

    model: nn.Module
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    values: dict[Quantizer, list[Tensor]] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[_Recorder]:
        """Keep the arguments of the model and the input of each quantizer."""
        hooks = [self.model.register_forward_pre_hook(self._keep_call, with_kwargs=True)]
        hooks += [m.register_forward_pre_hook(self._keep) for m in self.model.modules() if isinstance(m, Quantizer)]
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()

    def groups(self, quantizer: Quantizer) -> Tensor:
        """Return what a quantizer saw as [G, M]."""
        return torch.cat(self.values[quantizer], dim=1)

    def _keep_call(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.calls.append((args, kwargs))

    def _keep(self, quantizer: nn.Module, args: tuple[Any, ...]) -> None:
        assert isinstance(quantizer, Quantizer)
        if args[0].numel() == 0 or quantizer.is_bypassed:
            return
        groups = quantizer.grouped(args[0].detach())
        if quantizer.is_weight:
            self.values[quantizer] = [groups.clone()]
        else:
            kept = groups[:, :: max(1, groups.numel() // MAX_VALUES)].clone()
            self.values.setdefault(quantizer, []).append(kept)


def _fit(recorder: _Recorder, method: str, percentile: float) -> None:
    if not recorder.calls:
        raise ArgumentError("Expected a pass of the model inside `calibrate` (got none). Call the model in the block.")
    for quantizer in recorder.values:
        groups = recorder.groups(quantizer)
        if method != "percentile":
            _fit_mse(quantizer, groups)
        elif not quantizer.is_weight:
            quantizer.set_range(*_percentiles(groups, percentile / 100))
    if method == "cross_entropy":
        _fit_cross_entropy(recorder)


def _percentiles(groups: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return the ends [G] of each row, 0 included; zeros have a level of their own and do not count."""
    ends = torch.zeros(2, len(groups), device=groups.device)
    for index, row in enumerate(groups):
        seen = row[row != 0]
        seen = seen[:: max(1, len(seen) // MAX_VALUES)]
        if len(seen) > 0:
            ends[:, index] = torch.quantile(seen, torch.tensor([1 - share, share], device=seen.device))
    return ends[0].clamp(max=0), ends[1].clamp(min=0)


def _fit_mse(quantizer: Quantizer, groups: Tensor) -> None:
    """Give each group the share of its range with the least mean square error, the widest among equals."""
    lo, hi = torch.aminmax(groups, dim=1)
    lo, hi = lo.clamp(max=0), hi.clamp(min=0)
    least = torch.full_like(lo, torch.inf)
    best = torch.ones_like(lo)
    for index in range(NUM_CANDIDATES, 0, -1):
        share = index / NUM_CANDIDATES
        quantizer.set_range(share * lo, share * hi)
        law = _columns(quantizer.torch_law())
        error = (groups - dequantize(quantize(groups, law), law)).square().mean(dim=1)
        is_better = error < least
        least, best = torch.where(is_better, error, least), torch.where(is_better, share, best)
    quantizer.set_range(best * lo, best * hi)


def _columns(law: TorchLaw) -> TorchLaw:
    scale, zero_point, phase = (part.detach().reshape(-1, 1) for part in (law.scale, law.zero_point, law.phase))
    return TorchLaw(scale, zero_point, phase, law.qmax, law.divisor, law.shift)


def _fit_cross_entropy(recorder: _Recorder) -> None:
    """Change one range after another by the factor that brings the scores closest to those in float32."""
    with bypass(recorder.model):
        teachers = [_scores(recorder.model(*args, **kwargs)).softmax(dim=1) for args, kwargs in recorder.calls]

    def loss() -> float:
        total = 0.0
        for (args, kwargs), teacher in zip(recorder.calls, teachers, strict=True):
            total -= float((teacher * _scores(recorder.model(*args, **kwargs)).log_softmax(dim=1)).sum())
        return total

    least = loss()
    for quantizer in [q for q in recorder.values if not q.is_weight] * NUM_ROUNDS:
        state = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
        for factor in FACTORS:
            before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
            quantizer.load_state_dict(state)
            quantizer.scale_range(factor)
            found = loss()
            if found < least:
                least = found
            else:
                quantizer.load_state_dict(before)


def _scores(output: Any) -> Tensor:
    if not isinstance(output, Tensor) or output.dim() != 2 or output.shape[1] < 2:
        got = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ArgumentError(
            f"Expected the model to return class scores [N, C] for `cross_entropy` (got {got}). Use `method='mse'`."
        )
    return output
