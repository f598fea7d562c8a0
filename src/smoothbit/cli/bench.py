"""`smoothbit bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smoothbit.bench import BenchRecord, BenchRequest, BenchRow, run_suite
from smoothbit.cli.options import DataRootOption, DebugOption, JsonOption, parse_widths
from smoothbit.cli.output import Output, make_table, progress_bar

DEFAULTS = BenchRequest()


def bench(
    suite: Annotated[str, typer.Option(help="What to time: propagate or model.")] = DEFAULTS.suite,
    graph: Annotated[str, typer.Option(help="powerlaw, sbm, or the name of a data set.")] = DEFAULTS.graph,
    nodes: Annotated[int, typer.Option(help="Nodes of a generated graph.")] = DEFAULTS.num_nodes,
    edges: Annotated[int, typer.Option(help="Directed edges of a generated graph; even.")] = DEFAULTS.num_edges,
    channels: Annotated[int, typer.Option(help="Channels that are propagated.")] = DEFAULTS.num_channels,
    bits: Annotated[str, typer.Option(help="Comma list of widths: 1, 2, 4, 8.")] = "2,4,8",
    threads: Annotated[int, typer.Option(help="Threads of every side.")] = DEFAULTS.num_threads,
    seed: Annotated[int, typer.Option(help="Seed of graph and values.")] = DEFAULTS.seed,
    order: Annotated[
        str,
        typer.Option(help="Order of nodes for the engine: none, degree, rcm or locality; peers keep the given one."),
    ] = DEFAULTS.order,
    data_root: DataRootOption = None,
    seconds: Annotated[float, typer.Option(help="Time for each measured side.")] = DEFAULTS.budget_s,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Time the packed engine beside other libraries, which take turns in one run.

    Before anything is timed, sampled rows of every side are checked. Peers that are not installed
    are named with the reason.
    """
    request = BenchRequest(
        suite=suite, graph=graph, num_nodes=nodes, num_edges=edges, num_channels=channels,
        bits=tuple(parse_widths(bits)), num_threads=threads, seed=seed,
        data_root=None if data_root is None else Path(data_root), budget_s=seconds,
        order=order,
    )  # fmt: skip
    output = Output(json)
    with progress_bar("bench", total=100) as advance:
        record = run_suite(request, lambda stage, share: advance(round(100 * share), stage))
    show_record(output, record)
    output.finish(record.to_json())


def show_record(output: Output, record: BenchRecord) -> None:
    """Print a record: widths, all sides, what was left out, and a plain verdict for each width."""
    first = record.rows[0]
    output.print(
        f"{first.suite} on {first.graph}: {first.nodes:,} nodes, {first.edges:,} directed edges, "
        f"{first.channels} channels, {first.threads} thread(s), {first.isa}, {record.environment['cpu']}"
    )
    _show_widths(output, record.rows)
    _show_sides(output, record)
    for entry in record.skipped:
        output.print(f"Not measured: {entry.peer}: {entry.reason}.")
    for sentence in (*record.notes, *record.checks):
        output.print(sentence)
    for row in record.rows:
        output.print(row.verdict())


def _show_widths(output: Output, rows: list[BenchRow]) -> None:
    columns = {
        "width": "left", "engine ms": "right", "quartiles": "right", "best FP32 peer": "left",
        "times faster": "right", "than own FP32": "right", "than low-bit peer": "right", "peak MB": "right",
    }  # fmt: skip
    table = make_table("Packed engine; a ratio below 1 means slower", columns)
    for row in rows:
        table.add_row(
            f"INT{row.bits}", _number(row.engine_ms),
            f"{_number(row.engine_q1_ms)} .. {_number(row.engine_q3_ms)}",
            row.best_fp32_peer or "-", _number(row.ratio_best_fp32_peer), _number(row.ratio_own_fp32),
            _number(row.ratio_best_lowbit_peer), _number(row.peak_rss_mb),
        )  # fmt: skip
    output.print(table)


def _show_sides(output: Output, record: BenchRecord) -> None:
    columns = {"side": "left", "median ms": "right", "quartiles": "right", "samples": "right"}
    table = make_table("All sides, fastest first", columns)
    for name, timing in sorted(record.timings.items(), key=lambda item: item[1].median_ms):
        label = f"{name}, engine" if name.startswith("INT") else name
        quartiles = f"{_number(timing.q1_ms)} .. {_number(timing.q3_ms)}"
        table.add_row(label, _number(timing.median_ms), quartiles, str(timing.samples))
    output.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
