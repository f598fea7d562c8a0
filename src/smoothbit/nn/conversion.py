"""`quantize_`: turn a PyG network that people already have into a quantized one, in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TypeAlias

from torch import nn
from torch_geometric.nn import MLP, JumpingKnowledge
from torch_geometric.nn import Sequential as PyGSequential
from torch_geometric.nn.models.basic_gnn import BasicGNN
from torch_geometric.utils._trim_to_layer import TrimToLayer

from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.nn.conversion_report import ModuleRow, Report
from smoothbit.nn.layers import LAYERS, PLAIN, QuantModule, convert
from smoothbit.nn.layers.base import check_option
from smoothbit.quant import QUANTIZERS, QuantConfig, Quantizer
from smoothbit.registry import nearest_name

WIDTHS = {f"int{bits}": bits for bits in (8, 4, 2, 1)}
"""Short names of configurations: everything at that width, with this library's recipe for low bits."""

TRANSPARENT = (BasicGNN, TrimToLayer, PyGSequential, MLP, nn.Sequential, nn.ModuleList, nn.ModuleDict)
"""Classes whose parts are looked at one by one."""

Config: TypeAlias = QuantConfig | str | None


def quantize_(
    model: nn.Module,
    config: QuantConfig | str = "int8",
    *,
    overrides: Mapping[str, Config] | None = None,
    allow_float: Iterable[str | type[nn.Module]] = (),
) -> Report:
    """Quantize every layer of `model` that is known, in place, and say what became of each module.

    Parameters, their names in `state_dict` and the signature of `forward` stay as they are; quantizers are added.
    Then calibrate (`smoothbit.calibrate`), or train as before, in training mode.

    Args:
        model: Network of PyG and torch layers.
        config: Quantization, or "int8", "int4", "int2", "int1" for everything at that width. Weights have one law
            for each output channel unless the configuration says otherwise.
        overrides: Configuration of single layers by name pattern (`conv1*`); the first that matches counts; None
            leaves a layer in float32.
        allow_float: Names, name patterns or classes of modules that may stay in float32, known or not.

    Returns:
        One row for each module.

    Raises:
        UnsupportedError: a module or an option of one is unknown, or nothing was quantized; `model` is unchanged.
        ArgumentError: `model` is quantized already, or a pattern matches nothing.

    Example:
        report = quantize_(model, "int8", overrides={"conv1": "int4", "head": None})
        print(report)
    """
    if any(isinstance(module, (QuantModule, Quantizer)) for module in model.modules()):
        raise ArgumentError(
            f"Expected `model` to be a network in float32 (got {type(model).__name__} with quantized layers). "
            "Build it anew and load its weights, then call `quantize_` once."
        )
    walk = _Walk(_config(config), dict(overrides or {}), tuple(allow_float))
    found = list(walk.visit("", model))
    walk.check_patterns([item.name for item in found])
    if not any(item.quant is not None and not item.quant.is_float for item in found):
        raise UnsupportedError(
            f"Expected `model` to have a layer to quantize (got {type(model).__name__} with none). "
            f"Known layers: {', '.join(_known_layers())}."
        )
    return Report(tuple(item.apply() for item in found))


@dataclass(frozen=True)
class _Item:
    """A module and what is to become of it; `quant` None leaves it alone."""

    name: str
    module: nn.Module
    quant: QuantConfig | None
    action: str
    reason: str

    def apply(self) -> ModuleRow:
        """Convert the module."""
        kind, bits = type(self.module).__name__, {}
        if self.quant is not None:
            bits = convert(self.module, self.quant).stage_bits()
        return ModuleRow(self.name, kind, self.action, bits, self.reason)


class _Walk:
    """Visits modules in order, each once, and decides without changing anything."""

    def __init__(
        self, quant: QuantConfig, overrides: dict[str, Config], allow_float: tuple[str | type[nn.Module], ...]
    ) -> None:
        self.quant = quant
        self.overrides = {pattern: _config(config) for pattern, config in overrides.items()}
        self.allow_float = allow_float
        self.seen: set[int] = set()

    def visit(self, name: str, module: nn.Module, *, is_float: bool = False) -> Iterator[_Item]:
        """Yield what becomes of `module` and of what is inside it; `is_float` leaves all of it in float32."""
        if id(module) in self.seen:
            return
        self.seen.add(id(module))
        kind, is_allowed = type(module), self._is_allowed(name, module)
        if kind in LAYERS:
            yield self._layer(name, module, is_float or is_allowed)
            for part in LAYERS[kind].parts():
                yield from self.visit(_join(name, part), getattr(module, part), is_float=is_float or is_allowed)
        elif is_allowed:
            yield _Item(name, module, None, "kept float", "named in allow_float")
        elif kind in PLAIN:
            _check_plain(name, module)
            yield _Item(name, module, None, *PLAIN[kind])
        else:
            yield from self._other(name, module, is_float)

    def _layer(self, name: str, module: nn.Module, is_float: bool) -> _Item:
        matches = [config for pattern, config in self.overrides.items() if fnmatchcase(name, pattern)]
        quant = QuantConfig() if is_float else matches[0] if matches else self.quant
        reason = "named in allow_float" if is_float else "by its configuration" if quant.is_float else ""
        try:
            LAYERS[type(module)].check(module, _label(name, module))
        except UnsupportedError:
            if not quant.is_float:
                raise
            return _Item(name, module, None, "kept float", f"{reason}; not for the engine")
        return _Item(name, module, quant, "kept float" if quant.is_float else "quantized", reason)

    def _other(self, name: str, module: nn.Module, is_float: bool) -> Iterator[_Item]:
        """Look into containers and the user's own modules; refuse what has arithmetic of its own."""
        source = type(module).__module__.split(".")[0]
        is_own = source not in ("torch", "torch_geometric")
        has_parameters = any(True for _ in module.parameters(recurse=is_own is False))
        if not isinstance(module, TRANSPARENT) and (has_parameters or source == "torch_geometric"):
            raise UnsupportedError(
                f"Expected every module to be known (got {_label(name, module)}). Known layers: "
                f"{', '.join(_known_layers())}; left as they are: {', '.join(sorted(k.__name__ for k in PLAIN))}. "
                f"Replace it, or pass `allow_float=['{name}']`: it then runs in float32, and not in the engine."
            )
        if not list(module.children()) and not isinstance(module, TRANSPARENT):
            yield _Item(name, module, None, "kept float", "no parameters")
        for part, inner in module.named_children():
            yield from self.visit(_join(name, part), inner, is_float=is_float)

    def _is_allowed(self, name: str, module: nn.Module) -> bool:
        return any(
            fnmatchcase(name, entry) if isinstance(entry, str) else isinstance(module, entry)
            for entry in self.allow_float
        )

    def check_patterns(self, names: list[str]) -> None:
        """Raise ArgumentError where a pattern matches none of the modules."""
        named = [entry for entry in self.allow_float if isinstance(entry, str)]
        for argument, patterns in (("overrides", list(self.overrides)), ("allow_float", named)):
            for pattern in patterns:
                if not any(fnmatchcase(name, pattern) for name in names):
                    raise ArgumentError(
                        f"Expected each pattern of `{argument}` to match a module (got '{pattern}'). "
                        f"{nearest_name(pattern, [name for name in names if name])}"
                    )


def _config(config: Config) -> QuantConfig:
    if config is None:
        return QuantConfig()
    if isinstance(config, str):
        if config not in WIDTHS:
            raise ArgumentError(f"Expected `config` to be a known width (got '{config}'). Use {', '.join(WIDTHS)}.")
        config = QuantConfig(num_bits=WIDTHS[config], grid="half")
    method = QUANTIZERS.resolve(config.quantizer)
    if method.width_policy or method.prepare is not Quantizer.prepare:
        raise UnsupportedError(
            f"Expected `quantizer` to need nothing but the tensor (got '{config.quantizer}', which needs a trainer "
            "that shows it the graph). Use qlr, bt, lsq or minmax."
        )
    return replace(config, weight_granularity=config.weight_granularity or "per_channel")


def _check_plain(name: str, module: nn.Module) -> None:
    if isinstance(module, JumpingKnowledge):
        check_option(module.mode != "lstm", _label(name, module), "mode", "cat or max", module.mode)


def _join(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part


def _label(name: str, module: nn.Module) -> str:
    return f"'{name}' ({type(module).__name__})"


def _known_layers() -> list[str]:
    return sorted({kind.__name__ for kind in LAYERS})
