"""`smoothbit bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smoothbit.bench import BenchRecord, BenchRequest, run_suite
from smoothbit.bench.request import default_channels
from smoothbit.cli.bench_tables import memory_table, place_line, side_table, width_table
from smoothbit.cli.options import DataRootOption, DebugOption, JsonOption, parse_widths
from smoothbit.cli.output import Output, progress_bar

DEFAULTS = BenchRequest()
SUITE_HELP = "What to measure: propagate, model, features, gemm, kernels, memory or scaling."


def bench(
    suite: Annotated[str, typer.Option(help=SUITE_HELP)] = DEFAULTS.suite,
    graph: Annotated[str, typer.Option(help="powerlaw, sbm, or the name of a data set.")] = DEFAULTS.graph,
    nodes: Annotated[int, typer.Option(help="Nodes of a generated graph.")] = DEFAULTS.num_nodes,
    edges: Annotated[int, typer.Option(help="Directed edges of a generated graph; even.")] = DEFAULTS.num_edges,
    channels: Annotated[
        int | None, typer.Option(help="Channels that are propagated [default: 128; features and gemm: 64].")
    ] = None,
    bits: Annotated[str, typer.Option(help="Comma list of widths: 1, 2, 4, 8.")] = "2,4,8",
    threads: Annotated[int, typer.Option(help="Threads of every side.")] = DEFAULTS.num_threads,
    seed: Annotated[int, typer.Option(help="Seed of graph and values.")] = DEFAULTS.seed,
    order: Annotated[
        str,
        typer.Option(help="Order of nodes for the engine: none, degree, rcm or locality; peers keep the given one."),
    ] = DEFAULTS.order,
    coding: Annotated[str, typer.Option(help="What a step of propagate sends: plain or delta.")] = DEFAULTS.coding,
    data_root: DataRootOption = None,
    seconds: Annotated[float, typer.Option(help="Time for each measured side.")] = DEFAULTS.budget_s,
    rows: Annotated[int, typer.Option(help="Rows of the product, for gemm.")] = DEFAULTS.num_rows,
    depth: Annotated[int, typer.Option(help="Inner dimension of the product, for gemm.")] = DEFAULTS.depth,
    ceilings: Annotated[
        bool, typer.Option("--ceilings", help="Measure what this machine's memory can do, for the roofline figure.")
    ] = False,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Time the packed engine beside other libraries, which take turns in one run.

    Before anything is timed, sampled rows of every side are checked. Peers that are not installed
    are named with the reason.
    """
    request = BenchRequest(
        suite=suite, graph=graph, num_nodes=nodes, num_edges=edges,
        num_channels=default_channels(suite) if channels is None else channels,
        bits=tuple(parse_widths(bits)), num_threads=threads, seed=seed,
        data_root=None if data_root is None else Path(data_root), budget_s=seconds,
        num_rows=rows, depth=depth, has_ceilings=ceilings, order=order, coding=coding,
    )  # fmt: skip
    output = Output(json)
    with progress_bar("bench", total=100) as advance:
        record = run_suite(request, lambda stage, share: advance(round(100 * share), stage))
    show_record(output, record)
    output.finish(record.to_json())


def show_record(output: Output, record: BenchRecord) -> None:
    """Print a record: widths, all sides, what was left out, and a plain verdict for each width."""
    output.print(place_line(record))
    for table in (width_table(record.rows), side_table(record), memory_table(record.rows)):
        if table is not None:
            output.print(table)
    for entry in record.skipped:
        output.print(f"Not measured: {entry.peer}: {entry.reason}.")
    for sentence in (*record.notes, *record.checks):
        output.print(sentence)
    for row in record.rows:
        output.print(row.verdict())
