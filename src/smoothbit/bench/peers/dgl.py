"""DGL's sum over in-neighbours, `dgl.ops.copy_u_sum`: what its `update_all(copy_u, sum)` runs.

DGL 2.1.0, the last one with a plain CPU wheel for today's Python, imports parts of itself and of other
packages that no longer load: its data loader `graphbolt` (bound to one version of torch), `torchdata` and
`pandas`. None of them has a part in a sum, so empty modules stand for them during the import.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from smoothbit.bench.peers.base import PEERS, Peer, PeerSkippedError, Product, find_module
from smoothbit.numerics.csr import CSR

STUBS = (
    "dgl.graphbolt",
    "torchdata",
    "torchdata.datapipes",
    "torchdata.datapipes.iter",
    "torchdata.dataloader2",
    "torchdata.dataloader2.graph",
    "pandas",
)
BACKEND = "DGLBACKEND"


@PEERS.register("dgl-copy-u-sum")
def dgl_copy_u_sum(product: Product) -> Peer:
    """Prepare the sum over in-neighbours; it knows no edge weights, so it does less than the other peers."""
    torch, library = find_module("torch"), find_dgl()
    pattern = product.matrix.pattern
    graph, source = sum_graph(library, pattern), torch.from_numpy(product.source)

    def call() -> Any:
        with torch.no_grad():
            return library.ops.copy_u_sum(graph, source)

    return Peer(call, pattern, product.source)


def sum_graph(library: ModuleType, pattern: CSR) -> Any:
    """Return a DGL graph that sends from columns to rows, ready to be summed.

    Raises:
        PeerSkippedError: DGL does not run on this installation of torch.
    """
    torch = find_module("torch")
    ends = (torch.from_numpy(pattern.indices), torch.from_numpy(pattern.entry_rows()))
    sizes = {"sender": pattern.num_cols, "receiver": pattern.num_rows}
    try:
        graph = library.heterograph({("sender", "to", "receiver"): ends}, sizes, idtype=torch.int32).formats("csc")
        graph.create_formats_()
        library.ops.copy_u_sum(graph, torch.zeros((pattern.num_cols, 1)))
    except (AttributeError, RuntimeError, TypeError, library.DGLError) as error:
        raise PeerSkippedError(f"dgl cannot run it ({error})") from error
    return graph


def find_dgl() -> ModuleType:
    """Import DGL with stubs for what it imports in vain.

    Raises:
        PeerSkippedError: it is not installed, or does not load all the same.
    """
    if importlib.util.find_spec("dgl") is None:
        raise PeerSkippedError("dgl is not installed")
    with _stubs(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("dgl")
        except Exception as error:  # a package of another time fails in any way
            for name in [name for name in sys.modules if name.split(".")[0] == "dgl"]:
                del sys.modules[name]
            raise PeerSkippedError(f"dgl does not load ({type(error).__name__}: {error})") from error


class _Stub(ModuleType):
    """A module that has every name: each is an empty class, good enough to be imported or inherited from."""

    __path__: list[str] = []  # noqa: RUF012, the attribute that makes a module a package

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@contextmanager
def _stubs() -> Iterator[None]:
    """Put stubs into `sys.modules` inside the `with` block, where no real module is loaded or installed."""
    if "dgl" in sys.modules:
        yield
        return
    names = [name for name in STUBS if name not in sys.modules and not _is_installed(name)]
    backend = os.environ.get(BACKEND)
    os.environ.setdefault(BACKEND, "pytorch")  # otherwise the import writes a file into the user's home
    sys.modules.update({name: _Stub(name) for name in names})
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
        if backend is None:
            os.environ.pop(BACKEND, None)


def _is_installed(name: str) -> bool:
    """Return whether a real package is there; DGL's own part never counts, since it is what does not load."""
    return not name.startswith("dgl.") and importlib.util.find_spec(name.split(".")[0]) is not None
