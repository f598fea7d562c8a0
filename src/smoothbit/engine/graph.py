"""A graph made ready for message propagation: self-loops, order of nodes, degrees, incidence, graphs of a batch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smoothbit.engine.edges import Edges, subset, with_one_loop
from smoothbit.engine.order import make_order
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.csr import CSR, csr_from_coo, entry_order
from smoothbit.numerics.node_order import NodeOrder, inverse
from smoothbit.typing import AnyArray, Float32Array, Int16Array, Int32Array, Int64Array


@dataclass(frozen=True)
class Incidence:
    """Undirected edges i < j without self-loops, and the operator B with (B u)_e = u_i - u_j.

    Args:
        heads: Node i of each edge [M], int32.
        tails: Node j of each edge [M], int32.
        transposed: B' as CSR [N, M] without values; row i lists the edges of node i.
        signs: +1 or -1 for each entry of `transposed`, int16.
        row_signs: Sum of the signs of each row [N], float32.
    """

    heads: Int32Array
    tails: Int32Array
    transposed: CSR
    signs: Int16Array
    row_signs: Float32Array

    @cached_property
    def signed(self) -> CSR:
        """B' as CSR with float32 values +1 and -1."""
        t = self.transposed
        return CSR(t.indptr, t.indices, t.num_cols, self.signs.astype(np.float32))


@dataclass(frozen=True)
class SetupTime:
    """What an order of nodes costs once, in milliseconds of wall-clock time.

    Args:
        find_ms: Making the order; 0 when it was given.
        apply_ms: Permuting the graph.
    """

    find_ms: float
    apply_ms: float

    @property
    def total_ms(self) -> float:
        """Both together."""
        return self.find_ms + self.apply_ms


class PreparedGraph:
    """A graph made ready for runs: its edges in an order of nodes, with and without self-loops.

    All arrays are in the order of nodes that is chosen here, but `readout`. Runs take features and give
    results in the caller's order whatever it is.

    Args:
        adjacency: CSR [N, N]; row i lists the nodes that send to i, and each entry counts, also one that is
            there twice. Values are edge weights, for models that know them.
        order: Registered order of nodes, or one made before for this graph.
        graph_ids: Graph of each node [N], integers in [0, num_graphs), in any order; None for one graph.
        num_graphs: Number of graphs, or None for the largest id plus one.
        relations: Relation of each entry [E], integers >= 0, for models that know them; or None.

    Attributes:
        order: The order of nodes.
        setup: What the order cost.
        num_graphs: Number of graphs.

    Raises:
        ShapeError: `adjacency` is not square, `order` is one of another graph, or ids have the wrong length or dtype.
        ArgumentError: no such order, or an id out of range.
    """

    def __init__(
        self,
        adjacency: CSR,
        order: str | NodeOrder = "none",
        *,
        graph_ids: AnyArray | None = None,
        num_graphs: int | None = None,
        relations: AnyArray | None = None,
    ) -> None:
        graph = adjacency.pattern.with_self_loops()
        begin = time.perf_counter()
        self.order = order if isinstance(order, NodeOrder) else make_order(graph, order)
        found = time.perf_counter() if isinstance(order, str) else begin
        self._with_loops = self.order.apply(graph)
        self.setup = SetupTime((found - begin) * 1e3, (time.perf_counter() - found) * 1e3)
        self._adjacency = adjacency
        self._relations = None if relations is None else check_ids("relations", relations, adjacency.num_entries)
        self._graph_ids = None if graph_ids is None else check_ids("graph_ids", graph_ids, adjacency.num_rows)
        self.num_graphs = self._count_graphs(num_graphs)
        self._edges: dict[tuple[bool, int | None], Edges] = {}

    @classmethod
    def from_edge_index(
        cls,
        edge_index: AnyArray,
        num_nodes: int,
        *,
        edge_weight: Float32Array | None = None,
        graph_ids: AnyArray | None = None,
        num_graphs: int | None = None,
        edge_type: AnyArray | None = None,
        order: str | NodeOrder = "none",
    ) -> PreparedGraph:
        """Prepare a graph that comes as PyG's arrays; `edge_index[0]` sends to `edge_index[1]`.

        Args:
            edge_index: Senders and receivers [2, E], integers in [0, N).
            num_nodes: N.
            edge_weight: Weight of each edge [E], float32, or None.
            graph_ids: As in the class (`batch`).
            num_graphs: As in the class.
            edge_type: Relation of each edge [E], integers >= 0, or None.
            order: As in the class.

        Raises:
            ShapeError: an array has the wrong shape or dtype.
            ArgumentError: an index, id or order is out of range.
        """
        edges = np.asarray(edge_index)
        if edges.ndim != 2 or len(edges) != 2 or not np.issubdtype(edges.dtype, np.integer):
            raise ShapeError(
                f"Expected `edge_index` to be integers [2, E] (got {edges.dtype} {list(edges.shape)}). "
                "Pass senders and receivers of each edge."
            )
        count = edges.shape[1]
        if edge_weight is not None and (np.shape(edge_weight) != (count,) or edge_weight.dtype != np.float32):
            raise ShapeError(
                f"Expected `edge_weight` to be float32 [{count}] (got {edge_weight.dtype} {list(edge_weight.shape)}). "
                "Pass one weight for each edge."
            )
        adjacency = csr_from_coo(edges[1], edges[0], num_nodes, num_nodes, edge_weight)
        relations = None
        if edge_type is not None:
            relations = check_ids("edge_type", edge_type, count)[entry_order(edges[1], edges[0], num_nodes)]
        return cls(adjacency, order, graph_ids=graph_ids, num_graphs=num_graphs, relations=relations)

    @cached_property
    def csr(self) -> CSR:
        """Adjacency with self-loops A~ = A + I of a graph without weights; existing loops are kept.

        Raises:
            ArgumentError: the graph has weights.
        """
        self.check_unweighted()
        return self._with_loops

    def check_unweighted(self) -> None:
        """Check that the graph has no weights, for models that know none.

        Raises:
            ArgumentError: it has.
        """
        if self.is_weighted:
            raise ArgumentError(
                f"Expected `graph` to have no edge weights, as the model knows none (got {self._adjacency.num_entries} "
                "weights). Leave `values` of the adjacency out, or use a model with weighted layers."
            )

    @property
    def is_weighted(self) -> bool:
        """Whether edges have weights."""
        return self._adjacency.values is not None

    @property
    def has_relations(self) -> bool:
        """Whether edges have relations."""
        return self._relations is not None

    @property
    def num_nodes(self) -> int:
        """Number of nodes N."""
        return self._adjacency.num_rows

    @property
    def max_degree(self) -> int:
        """Longest row of A~, self-loop included."""
        return int(self._with_loops.row_lengths.max(initial=0))

    @cached_property
    def degree(self) -> Float32Array:
        """D [N], float32: length of each row of A~."""
        return _constant(self.csr.row_lengths)

    @cached_property
    def inv_degree(self) -> Float32Array:
        """1 / d [N], float32."""
        return _constant(1.0 / self.csr.row_lengths)

    @cached_property
    def sqrt_degree(self) -> Float32Array:
        """d^1/2 [N], float32."""
        return _constant(np.sqrt(self.csr.row_lengths.astype(np.float64)))

    @cached_property
    def rsqrt_degree(self) -> Float32Array:
        """d^-1/2 [N], float32."""
        return _constant(1.0 / np.sqrt(self.csr.row_lengths.astype(np.float64)))

    def edges(self, has_loops: bool, relation: int | None = None) -> Edges:
        """Return the edges of one relation, or all, in the order of the graph; made once.

        Args:
            has_loops: Whether every node has exactly one self-loop, or the edges are those given.
            relation: Number of the relation, or None for all.

        Raises:
            ArgumentError: the graph has no relations.
        """
        key = (has_loops, relation)
        if key not in self._edges:
            self._edges[key] = Edges(self.order.apply(self._select(has_loops, relation)), self.order.nodes)
        return self._edges[key]

    def _select(self, has_loops: bool, relation: int | None) -> CSR:
        chosen = self._adjacency
        if relation is not None:
            if self._relations is None:
                raise ArgumentError(
                    f"Expected `graph` to have relations, as the model reads relation {relation} (got None). "
                    "Pass `relations`, or `edge_type`."
                )
            chosen = subset(chosen, self._relations == relation)
        return with_one_loop(chosen) if has_loops else chosen

    @cached_property
    def readout(self) -> Edges:
        """Nodes of each graph [G, N], in the caller's order."""
        if self._graph_ids is None:
            nodes = np.arange(self.num_nodes, dtype=np.int32)
            return Edges(CSR(np.array([0, self.num_nodes]), nodes, self.num_nodes))
        return Edges(csr_from_coo(self._graph_ids, np.arange(self.num_nodes), self.num_graphs, self.num_nodes))

    @cached_property
    def graph_ids(self) -> Int64Array:
        """Graph of each node [N], in the caller's order."""
        return np.zeros(self.num_nodes, dtype=np.int64) if self._graph_ids is None else self._graph_ids

    def _count_graphs(self, num_graphs: int | None) -> int:
        largest = 0 if self._graph_ids is None else int(self._graph_ids.max(initial=-1))
        if num_graphs is None:
            return largest + 1
        if num_graphs <= largest:
            raise ArgumentError(
                f"Expected `graph_ids` to be in [0, {num_graphs}) (got {largest}). Pass the number of graphs."
            )
        return num_graphs

    @cached_property
    def incidence(self) -> Incidence:
        """Incidence operator of the undirected edges.

        Edges keep the caller's sequence and direction in every order of nodes: a dual variable that
        changes its sign would be rounded differently.
        """
        caller = inverse(self.order).apply(self.csr)
        rows = caller.entry_rows()
        upper = rows < caller.indices
        heads, tails = self.order.places[rows[upper]], self.order.places[caller.indices[upper]]
        edges = np.arange(len(heads), dtype=np.int32)
        transposed = csr_from_coo(
            np.concatenate([heads, tails]), np.concatenate([edges, edges]), self.num_nodes, len(heads)
        )
        signs = np.where(heads[transposed.indices] == transposed.entry_rows(), 1, -1).astype(np.int16)
        row_signs = np.bincount(transposed.entry_rows(), weights=signs, minlength=self.num_nodes)
        return Incidence(heads, tails, transposed, signs, row_signs.astype(np.float32))


def _constant(values: AnyArray) -> Float32Array:
    """Return values as float32 that nobody can write to, so that kernels look at them once and not in each call."""
    constant = values.astype(np.float32)
    constant.flags.writeable = False
    return constant


def check_ids(name: str, ids: AnyArray, count: int) -> Int64Array:
    """Return ids as int64 [count].

    Raises:
        ShapeError: another length, or no integers.
        ArgumentError: one is negative.
    """
    array = np.asarray(ids)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise ShapeError(
            f"Expected `{name}` to be integers [{count}] (got {array.dtype} {list(array.shape)}). Pass one for each."
        )
    if array.min(initial=0) < 0:
        raise ArgumentError(f"Expected `{name}` to be >= 0 (got {array.min()}). Number them from 0.")
    return array.astype(np.int64)
