"""Training: recipe, loop with checkpoints, records, run folders."""

from __future__ import annotations

from smoothbit.train.config import TrainConfig as TrainConfig
from smoothbit.train.grid import make_grid as make_grid
from smoothbit.train.loop import Progress as Progress
from smoothbit.train.loop import fit as fit
from smoothbit.train.records import Record as Record
from smoothbit.train.run import train_run as train_run
from smoothbit.train.run_folder import load_run_model as load_run_model
