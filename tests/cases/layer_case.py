"""Invariants of every converted layer; a concrete case gives the float layers that it stands for."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from smoothbit import bypass, calibrate, quantize_
from smoothbit.engine import Model, PreparedGraph
from smoothbit.errors import UnsupportedError
from smoothbit.formats import PackedModel
from smoothbit.formats.schema import LinearOp, ModelInfo, Plan
from smoothbit.nn.layers import LAYERS
from smoothbit.nn.plan_builder import GraphInput, PlanBuilder, Value
from smoothbit.numerics.features import Features

NUM_NODES = 40
NUM_FEATURES = 12
# Sums of at most 40 float32 terms of order 1, in another order than PyG's: 40 * 2**-24 < 1e-5.
FLOAT_TOLERANCE = 1e-5
# Three tensors in a row with an error of half a step, 1 / 510 of their range, and sums of up to 40 of them.
CLOSE_8_BITS = 0.06


# The engine adds integers, the simulation their float32 products: 64 terms of order 1, 64 * 2**-24 < 1e-5, twice.
ENGINE_TOLERANCE = 1e-4
ROLES = ("edge_index", "edge_weight", "edge_type")
INFO = ModelInfo("case", "qlr", 8, "none", "", "", 7, "0")


def layer_graph(num_nodes: int = NUM_NODES, num_edges: int = 200, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return a directed graph with self-loops, duplicate edges and isolated nodes, and positive edge weights."""
    generator = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(0, num_nodes - 3, (2, num_edges), generator=generator)
    edge_index[:, 5:7] = 3
    edge_index[:, 7] = edge_index[:, 8]
    return edge_index, torch.rand(num_edges, generator=generator) + 0.1


def layer_features(num_nodes: int = NUM_NODES, seed: int = 0) -> Tensor:
    """Return standard-normal features [N, 12]."""
    return torch.randn(num_nodes, NUM_FEATURES, generator=torch.Generator().manual_seed(seed))


class LayerCase:
    """Family invariants. Subclasses set `kind` and `variants`, and the arguments where they are not x and edges."""

    kind: ClassVar[type[nn.Module]]
    variants: ClassVar[dict[str, Callable[[], nn.Module]]]
    refused: ClassVar[dict[str, tuple[Callable[[], nn.Module], str]]] = {}
    """Float layers that are not converted, and what the message says."""

    rows_apart: ClassVar[int] = 0
    """Rows that one rounded attention, a 255th of the highest, may keep apart from the engine's."""

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Run tests that take a `variant` or a `refusal` once for each."""
        for name, values in (("variant", self.variants), ("refusal", self.refused)):
            is_given = any(name in str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
            if name in metafunc.fixturenames and not is_given:
                metafunc.parametrize(name, list(values))

    def arguments(self, variant: str, seed: int = 0) -> tuple[Any, ...]:
        """Return the arguments of `forward`: with edge weights where the variant's name says so."""
        edge_index, weight = layer_graph(seed=seed)
        x = layer_features(seed=seed)
        return (x, edge_index, weight) if "weighted" in variant else (x, edge_index)

    def make(self, variant: str) -> nn.Module:
        """Return the float layer, its statistics not those of the start."""
        torch.manual_seed(0)
        return self.variants[variant]().eval()

    def converted(self, variant: str, config: str = "int8") -> tuple[Any, Any]:
        """Return the float layer, and a calibrated copy in quantized form."""
        layer = self.make(variant)
        quantized = copy.deepcopy(layer)
        quantize_(quantized, config)
        with calibrate(quantized), torch.no_grad():
            quantized(*self.arguments(variant))
        return layer, quantized

    @pytest.mark.parametrize("seed", [0, 1], ids=["calibrated-graph", "another-graph"])
    def test_bypassed_layer_is_the_float_layer(self, variant: str, seed: int) -> None:
        layer, quantized = self.converted(variant)
        arguments = self.arguments(variant, seed)
        with bypass(quantized), torch.no_grad():
            torch.testing.assert_close(
                quantized(*arguments), layer(*arguments), atol=FLOAT_TOLERANCE, rtol=FLOAT_TOLERANCE
            )

    def test_8_bits_are_close_and_fewer_are_coarser(self, variant: str) -> None:
        errors = []
        for config in ("int8", "int2"):
            layer, quantized = self.converted(variant, config)
            with torch.no_grad():
                wanted, found = layer(*self.arguments(variant)), quantized(*self.arguments(variant))
            errors.append(float((wanted - found).abs().max() / wanted.abs().max()))
        assert 0 < errors[0] < CLOSE_8_BITS
        assert errors[1] > errors[0]

    def test_training_reaches_every_parameter(self, variant: str) -> None:
        _, quantized = self.converted(variant, "int4")
        quantized.train()
        quantized(*self.arguments(variant)).pow(3).mean().backward()
        for name, parameter in quantized.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            # Where a tensor lies on its grid already, as a maximum of codes may, its range has no gradient.
            assert parameter.grad.abs().max() > 0 or "quantizer" in name, name

    def test_parameters_and_their_names_live_on(self, variant: str) -> None:
        layer = self.make(variant)
        before, state = dict(layer.named_parameters()), layer.state_dict()
        quantize_(layer)
        after = dict(layer.named_parameters())
        assert all(after[name] is parameter for name, parameter in before.items())
        assert state.keys() < layer.state_dict().keys()
        layer.load_state_dict(state, strict=False)

    def emit(self, quantized: Any, builder: PlanBuilder, *arguments: Any) -> Value:
        """Append the operations of one call; a container's case appends those of its parts."""
        value = quantized.emit(builder, *arguments)
        assert isinstance(value, Value)
        return value

    def plan(self, quantized: Any, variant: str) -> tuple[Plan, Features]:
        """Return the plan of one call and its features: those of several arguments side by side."""
        arguments = self.arguments(variant)
        nodes = [x for x in arguments if x is not None and x.dim() == 2 and x.is_floating_point()]
        features = Features(torch.cat(nodes, dim=1).numpy())
        builder = PlanBuilder()
        inputs = [Value(0, NUM_FEATURES)]
        if len(nodes) > 1:
            whole = builder.quantized(Value(0, features.num_features), None)
            picks = np.eye(features.num_features, dtype=np.float32).reshape(-1, len(nodes), NUM_FEATURES)
            inputs = [
                builder.add(LinearOp(whole.number, picks[:, k].copy(), None, False, None), NUM_FEATURES)
                for k in range(len(nodes))
            ]
        names = list(inspect.signature(self.kind.forward).parameters)[1:]
        symbols = [
            inputs.pop(0) if any(x is n for n in nodes) else GraphInput(name) if name in ROLES and x is not None else x
            for name, x in zip(names, arguments, strict=False)
        ]
        scores = builder.quantized(self.emit(quantized, builder, *symbols), None)
        return Plan(tuple(builder.ops), scores.number), features

    def graph(self, variant: str) -> PreparedGraph:
        """Return the graph of the arguments."""
        names = list(inspect.signature(self.kind.forward).parameters)[1:]
        named = {
            n: x.numpy() for n, x in zip(names, self.arguments(variant), strict=False) if n in ROLES and x is not None
        }
        edges = named.pop("edge_index", np.zeros((2, 0), np.int64))
        return PreparedGraph.from_edge_index(edges, NUM_NODES, **named)

    @pytest.mark.parametrize("config", ["int8", "int4", "int2", "int1"])
    def test_engine_computes_what_the_layer_simulates(self, variant: str, config: str) -> None:
        _, quantized = self.converted(variant, config)
        plan, features = self.plan(quantized, variant)
        packed = PackedModel(plan, INFO)
        found = Model(packed).run(self.graph(variant), features).scores
        with torch.no_grad():
            wanted = quantized(*self.arguments(variant)).numpy()
        difference = np.abs(found - wanted) / np.abs(wanted).max()
        assert (difference.max(axis=1) > ENGINE_TOLERANCE).sum() <= self.rows_apart
        assert difference.max() < (1 / 255 if self.rows_apart else ENGINE_TOLERANCE)
        at_label = np.take_along_axis(wanted, found.argmax(axis=1)[:, None], axis=1)[:, 0]
        assert (wanted.max(axis=1) - at_label > ENGINE_TOLERANCE).sum() <= self.rows_apart  # equal scores may tie

    def test_signature_is_that_of_the_float_layer(self) -> None:
        mine, theirs = (inspect.signature(kind.forward).parameters for kind in (LAYERS[self.kind], self.kind))
        assert list(mine) == list(theirs)
        assert [p.default for p in mine.values()] == [p.default for p in theirs.values()]

    def test_repr_shows_options_and_widths(self, variant: str) -> None:
        layer, quantized = self.converted(variant, "int4")
        options = repr(layer).split("(", 1)[1].splitlines()[0].removesuffix(")")
        assert repr(quantized).startswith("Quant")
        assert options.replace("Linear(", "QuantLinear(") in repr(quantized)
        assert " 4" in repr(quantized).rsplit("[", 1)[1]

    def test_second_graph_and_no_edges_are_read_anew(self, variant: str) -> None:
        _, quantized = self.converted(variant)
        with torch.no_grad():
            first = quantized(*self.arguments(variant, 0))
            other = quantized(*self.arguments(variant, 1))
            again = quantized(*self.arguments(variant, 0))
        assert not torch.equal(first, other)
        torch.testing.assert_close(first, again, rtol=0, atol=0)

    def test_unknown_options_are_refused(self, refusal: str) -> None:
        make, message = self.refused[refusal]
        with pytest.raises(UnsupportedError, match=message):
            quantize_(make())


class ConvCase(LayerCase):
    """Also what every message-passing layer has."""

    edge_position: ClassVar[int] = 1
    """Place of `edge_index` among the arguments."""
    sizes: ClassVar[tuple[int, ...]] = (0, 1, 5)
    """Numbers of nodes of graphs without edges."""

    def test_graph_without_edges_or_nodes(self, variant: str) -> None:
        layer, quantized = self.converted(variant)
        for num_nodes in self.sizes:
            nodes, rest = self.edge_position, self.arguments(variant)
            arguments = [x[:num_nodes] for x in rest[:nodes]]
            arguments += [x[..., :0] if x is not None and x.dim() > 0 else x for x in rest[nodes:]]
            with bypass(quantized), torch.no_grad():
                torch.testing.assert_close(quantized(*arguments), copy.deepcopy(layer)(*arguments))
            with torch.no_grad():
                assert len(quantized(*arguments)) == num_nodes

    def test_sparse_adjacency_and_integer_features_are_refused(self, variant: str) -> None:
        _, quantized = self.converted(variant)
        *nodes, edge_index = self.arguments(variant)[: self.edge_position + 1]
        rest = self.arguments(variant)[self.edge_position + 1 :]
        adjacency = torch.eye(NUM_NODES).to_sparse()
        with pytest.raises(UnsupportedError, match=r"to be a tensor \[2, E\] \(got torch.sparse_coo\)"):
            quantized(*nodes, adjacency, *rest)
        with pytest.raises(ValueError, match=r"Expected `edge_index` of Quant\w+ to be int64 \[2, E\]"):
            quantized(*nodes, edge_index.float(), *rest)
        with pytest.raises(ValueError, match=r"to be floating point \[N, F\] \(got torch.int64"):
            quantized(*(x.long() for x in nodes), edge_index, *rest)
        with pytest.raises(ValueError, match="Check the edge list against the number of nodes"):
            quantized(*(x[:5] for x in nodes), edge_index, *rest)

    def test_plans_of_other_graphs_are_refused(self, variant: str) -> None:
        _, quantized = self.converted(variant)
        nodes = [Value(0, NUM_FEATURES)] * self.edge_position
        rest = [GraphInput(name) for name in ("edge_type",) if self.kind.__name__ == "RGCNConv"]
        if not (self.kind.__name__ == "ChebConv" and len(quantized.lins) == 1):
            with pytest.raises(UnsupportedError, match=r"Expected `edge_index` of Quant\w+ to be that of the graph"):
                self.emit(quantized, PlanBuilder(), *nodes, torch.zeros(2, 0), *rest)
        with pytest.raises(UnsupportedError, match=r"Expected `x` of Quant\w+ to be one tensor of nodes \(got tuple\)"):
            self.emit(quantized, PlanBuilder(), tuple(nodes), *nodes[1:], GraphInput("edge_index"), *rest)
