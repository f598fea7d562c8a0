"""Engine against float simulation: data sets x quantizers x widths, every ISA, 1, 2 and 4 threads.

Each network is trained for a few epochs (codes must agree for any weights), packed into a file, read
back and run. Prints one line for each cell and the number of exact comparisons; exits 1 on a mismatch.

    python benchmarks/verify_models.py --data-root DATA [--datasets Cora,Photo,facebook,digits] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from smoothbit import engine
from smoothbit.data import Dataset, load_dataset
from smoothbit.engine import same_codes
from smoothbit.export import export_model
from smoothbit.kernels import isa
from smoothbit.nn import simulate
from smoothbit.train import TrainConfig
from smoothbit.train.task import Task
from smoothbit.train.trainer import Trainer

THREADS = (1, 2, 4)


def verify_cell(dataset: Dataset, quantizer: str, bits: int, epochs: int, folder: Path) -> dict[str, Any]:
    """Train, pack and compare one cell; return its counts."""
    config = TrainConfig(
        dataset=dataset.name, epochs=2 * epochs, warm_epochs=epochs, quantizer=quantizer, num_bits=bits, dropout=0.5
    )
    task = Task(dataset, dataset.split(None, 0))
    trainer = Trainer(config, task, seed=0)
    while trainer.epoch < config.epochs:
        trainer.run_epoch()
    simulated = simulate(trainer.model, task.prepared, dataset.features, has_trace=True)
    path = folder / "model.smoothbit"
    export_model(trainer.model, path, dataset=dataset.name, split=task.split.name, training={})
    model = engine.load(path)
    cell: dict[str, Any] = {"dataset": dataset.name, "quantizer": quantizer, "bits": bits}
    cell |= {"stages": len(simulated.trace), "comparisons": 0, "unequal": 0, "label_agreement": 1.0, "score_gap": 0.0}
    scale = float(np.abs(simulated.scores).max())
    for name, threads in product([n for n in isa.available() if n != "numpy"], THREADS):
        with isa.use(name):
            run = model.run(task.prepared, dataset.features, num_threads=threads, has_trace=True)
        unequal = [s for s, value in simulated.trace.items() if not same_codes(value, run.trace[s])]
        cell["comparisons"] += len(simulated.trace) + 1
        cell["unequal"] += len(unequal) + int(not np.array_equal(run.scores, simulated.scores))
        cell["label_agreement"] = min(cell["label_agreement"], float((run.labels == simulated.labels).mean()))
        cell["score_gap"] = max(cell["score_gap"], float(np.abs(run.scores - simulated.scores).max()) / scale)
    return cell


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root")
    parser.add_argument("--datasets", default="Cora,Photo,facebook,digits")
    parser.add_argument("--quantizers", default="qlr,bt,bt_star,lsq,minmax")
    parser.add_argument("--bits", default="1,2,4,8")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--json")
    args = parser.parse_args()
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.datasets.split(","):
            dataset = load_dataset(name, args.data_root)
            for quantizer, bits in product(args.quantizers.split(","), map(int, args.bits.split(","))):
                cell = verify_cell(dataset, quantizer, bits, args.epochs, Path(folder))
                cells.append(cell)
                print(*cell.values(), flush=True)
    total, unequal = (sum(cell[key] for cell in cells) for key in ("comparisons", "unequal"))
    print(f"{len(cells)} models, {total} exact comparisons of stages and scores, {unequal} unequal")
    if args.json:
        Path(args.json).write_text(json.dumps({"rows": cells, "isas": list(isa.available())}, indent=1))
    return int(unequal > 0)


if __name__ == "__main__":
    sys.exit(main())
