"""State of one training run: what an epoch does, what a checkpoint holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from smoothbit.nn import SMPNet
from smoothbit.quant import calibrate
from smoothbit.train.checkpoint import read_checkpoint, write_checkpoint
from smoothbit.train.config import TrainConfig
from smoothbit.train.optimiser import load_optimiser_tensors, make_optimiser, optimiser_tensors, set_rates
from smoothbit.train.policies import choose_widths
from smoothbit.train.seeds import restore_rng_state, rng_state, seed_everything
from smoothbit.train.task import Task

HISTORY = ("train_loss", "val_loss", "val_accuracy")


class Trainer:
    """A network in training, with its best state so far.

    Args:
        config: Recipe.
        task: Data and split.
        seed: Seed of everything random.
    """

    def __init__(self, config: TrainConfig, task: Task, seed: int) -> None:
        seed_everything(seed)
        self.config = config
        self.task = task
        self.epoch = 0
        self.stage_bits = {} if config.warm_up > 0 else choose_widths(config, task, {})
        self._make_model(is_warm=config.warm_up > 0)
        self.best_epoch = 0
        self.best: dict[str, Tensor] = {}
        self.history: dict[str, list[float]] = {name: [] for name in HISTORY}

    def run_epoch(self) -> None:
        """Take one optimiser step, validate, and keep the state when it is the best so far."""
        if self.epoch == self.config.warm_up > 0:
            self._start_quantized()
        self._gather_ranges()
        set_rates(self.optimiser, self.config, self.epoch)
        self.model.train()
        self.optimiser.zero_grad()
        scores = self.model(self.task.inputs, self.task.graph)
        loss = torch.nn.functional.cross_entropy(scores[self.task.train_nodes], self.task.train_labels)
        (loss + self.model.penalty()).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.epoch += 1
        validated = self.task.scores(self.model)
        nodes = self.task.split.val
        row = (float(loss.detach()), self.task.loss(validated, nodes), self.task.accuracy(validated, nodes))
        for name, value in zip(HISTORY, row, strict=True):
            self.history[name].append(value)
        if self.best_epoch == 0 or self._rank(self.epoch) > self._rank(self.best_epoch):
            self.best_epoch = self.epoch
            self.best = {name: value.clone() for name, value in self.model.state_dict().items()}

    def save(self, path: Path, seconds: float) -> None:
        """Write everything that the next epoch depends on.

        Args:
            path: Checkpoint file.
            seconds: Training time so far.
        """
        rng_text, torch_state = rng_state()
        sections = {
            "model": self.model.state_dict(),
            "best": self.best,
            "adam": optimiser_tensors(self.optimiser),
            "rng": {"torch": torch_state},
        }
        content = {
            "config": self.config.to_json(),
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "stage_bits": self.stage_bits,
            "history": self.history,
            "rng": rng_text,
            "seconds": seconds,
        }
        write_checkpoint(path, sections, content)

    def restore(self, path: Path) -> float:
        """Continue from a checkpoint of the same configuration.

        Returns:
            Training time so far, seconds.
        """
        checkpoint = read_checkpoint(path)
        content, sections = checkpoint.content, checkpoint.sections
        self.stage_bits = content["stage_bits"]
        if self.epoch < self.config.warm_up < content["epoch"]:
            self._make_model(is_warm=False)
        self.model.load_state_dict(sections["model"])
        load_optimiser_tensors(self.optimiser, sections.get("adam", {}))
        self.best = sections.get("best", {})
        self.epoch, self.best_epoch = content["epoch"], content["best_epoch"]
        self.history = content["history"]
        restore_rng_state(content["rng"], sections["rng"]["torch"])
        return float(content["seconds"])

    def _make_model(self, is_warm: bool) -> None:
        """Build network and optimiser, in float32 for the warm-up."""
        config = replace(self.config, num_bits=32 if is_warm else self.config.num_bits, stage_bits=self.stage_bits)
        self.model = SMPNet(config.net_config_for(self.task.dataset))
        self.model.prepare(self.task.graph)
        self.optimiser = make_optimiser(self.model, self.config)

    def _start_quantized(self) -> None:
        """Go on from the best float32 weights with quantizers that have seen nothing yet."""
        weights = self.best
        self.stage_bits = choose_widths(self.config, self.task, weights)
        self._make_model(is_warm=False)
        self.model.load_state_dict(weights, strict=False)
        self.best_epoch = 0

    def _gather_ranges(self) -> None:
        """Show the quantizers the values of evaluation, which dropout would widen."""
        if not self.model.config.quant.is_float:
            with calibrate(self.model):
                self.model(self.task.inputs, self.task.graph)

    def _rank(self, epoch: int) -> tuple[float, float]:
        """Return what epochs are compared by: validation accuracy, then lower validation loss."""
        return self.history["val_accuracy"][epoch - 1], -self.history["val_loss"][epoch - 1]
