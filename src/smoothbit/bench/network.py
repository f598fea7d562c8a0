"""A network with random weights, as a plan of the engine at any width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smoothbit.engine import KernelBackend, PreparedGraph, run_plan
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import DiffuseOp, FeaturesOp, LinearOp, Plan
from smoothbit.numerics.affine import AffineLaw, law_from_range, per_tensor_law
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray, Float32Array

HIDDEN = 64
NUM_STEPS = 10
TELEPORT = 0.1
"""Share of the input in every step: mu = 9 of the paper, `c_skip` of the plan."""


@dataclass(frozen=True)
class RandomNetwork:
    """Linear, ReLU, Linear, K propagation steps.

    Args:
        first: Weight [F_in, H], float32.
        second: Weight [H, F], float32.
    """

    first: Float32Array
    second: Float32Array

    def describe(self) -> str:
        """Return one sentence on the shape."""
        inputs, hidden = self.first.shape
        return (
            f"Network: {inputs} features, {hidden} hidden, {self.second.shape[1]} outputs, {NUM_STEPS} "
            "propagation steps, random weights; from features at rest to scores, input quantization included."
        )

    def float_plan(self) -> Plan:
        """Return the plan in float32."""
        ops = (
            FeaturesOp(0, len(self.first), None),
            LinearOp(1, self.first, None, True, None),
            LinearOp(2, self.second, None, False, None),
            _diffuse(None),
        )
        return Plan(ops, scores=4)

    def packed_plan(self, num_bits: int, graph: PreparedGraph, features: Features) -> Plan:
        """Return the plan at `num_bits`, with ranges taken from the float32 activations."""
        laws = self._laws(num_bits, graph, features)
        ops = (
            FeaturesOp(0, len(self.first), laws["inputs"]),
            LinearOp(1, _pack_weight(self.first, num_bits), None, True, laws["hidden"]),
            LinearOp(2, _pack_weight(self.second, num_bits), None, False, laws["outputs"]),
            _diffuse(laws["states"]),
        )
        return Plan(ops, scores=4)

    def _laws(self, num_bits: int, graph: PreparedGraph, features: Features) -> dict[str, AffineLaw]:
        linear = self.float_plan().ops[:3]
        hidden = run_plan(Plan(linear[:2], scores=2), graph, features, KernelBackend()).scores
        outputs = run_plan(Plan(linear, scores=3), graph, features, KernelBackend()).scores
        ranges = {"hidden": hidden, "outputs": outputs, "states": outputs * graph.rsqrt_degree[:, None]}
        laws = {name: law_from_range(values.min(), values.max(), num_bits) for name, values in ranges.items()}
        return {"inputs": input_law(features, num_bits), **laws}


def random_network(features: Features, num_channels: int, seed: int) -> RandomNetwork:
    """Return a network with Gaussian weights of variance 1 / fan-in, for these features."""
    generator = np.random.default_rng(seed)

    def weight(rows: int, columns: int) -> Float32Array:
        drawn: AnyArray = generator.standard_normal((rows, columns)) / np.sqrt(rows)
        return drawn.astype(np.float32)

    return RandomNetwork(weight(features.num_features, HIDDEN), weight(HIDDEN, num_channels))


def _diffuse(law: AffineLaw | None) -> DiffuseOp:
    return DiffuseOp(
        source=3, num_steps=NUM_STEPS, self_weight=0.0, aggregate_weight=1 - TELEPORT, skip_weight=TELEPORT,
        correction_self=(), correction_aggregate=(), message=law,
        aggregates=(None,) * NUM_STEPS, updates=(law,) * (NUM_STEPS - 1) + (None,),
    )  # fmt: skip


def _pack_weight(weight: Float32Array, num_bits: int) -> PackedTensor:
    return PackedTensor.from_values(weight, law_from_range(weight.min(), weight.max(), num_bits))


def input_law(features: Features, num_bits: int) -> AffineLaw:
    """Return the law of the input features: over their range, and exact for zeros and ones."""
    matrix = features.matrix
    if isinstance(matrix, CSR):
        values = np.ones(1, np.float32) if matrix.values is None else matrix.values
        if matrix.values is None or (values == 1).all():
            return per_tensor_law(num_bits, 1.0)  # binary entries: exact at every width
    else:
        values = matrix if features.row_scale is None else matrix * features.row_scale[:, None]
    return law_from_range(values.min(), values.max(), num_bits)
