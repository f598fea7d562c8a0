"""State of one training run: what an epoch does, what a checkpoint holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from smoothbit.nn import MODELS
from smoothbit.quant import calibrate
from smoothbit.train.checkpoint import read_checkpoint, write_checkpoint
from smoothbit.train.config import TrainConfig
from smoothbit.train.optimiser import load_optimiser_tensors, make_optimiser, optimiser_tensors, set_rates
from smoothbit.train.phases import Phase, phases_of
from smoothbit.train.policies import choose_widths
from smoothbit.train.seeds import restore_rng_state, rng_state, seed_everything
from smoothbit.train.task import Task

CALIBRATION_EPOCHS = 10
"""Epochs between two looks at the ranges of evaluation; the first look is the first epoch of a phase."""

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
        self.phases = phases_of(config)
        self.teacher: Tensor | None = None
        self.stage_bits = choose_widths(config, task, {}) if len(self.phases) == 1 else {}
        self.best_epoch = 0
        self.best: dict[str, Tensor] = {}
        self.history: dict[str, list[float]] = {name: [] for name in HISTORY}
        self._make_model()

    @property
    def phase(self) -> Phase:
        """Phase of the next epoch; the last one after the last epoch."""
        return next((phase for phase in self.phases if self.epoch < phase.end), self.phases[-1])

    def run_epoch(self) -> None:
        """Take one optimiser step, validate, and keep the state when it is the best so far."""
        phase = self.phase
        if self.epoch == phase.start > 0:
            self._start_phase()
        if (self.epoch - phase.start) % CALIBRATION_EPOCHS == 0:
            self._gather_ranges()
        set_rates(self.optimiser, phase, self.epoch)
        self.model.train()
        self.optimiser.zero_grad()
        loss = self._loss(self.model(self.task.inputs, self.task.graph)) + self.model.penalty()
        loss.backward()  # type: ignore[no-untyped-call]
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
        if self.teacher is not None:
            sections["teacher"] = {"scores": self.teacher}
        content = {
            "config": self.config.to_json(),
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "stage_bits": self.stage_bits,
            "history": self.history,
            "rng": rng_text,
            "seconds": seconds,
            "num_values": [quantizer.num_values for quantizer in self.model.quantizers()],
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
        # The network of a phase is made in its first epoch, so at a phase's end the model is that of the phase.
        self.epoch = content["epoch"] - 1
        self._make_model()
        self.model.load_state_dict(sections["model"])
        # The record of a run that ended, but was killed before it was written, needs them: no pass comes after.
        for quantizer, count in zip(self.model.quantizers(), content.get("num_values", ()), strict=False):
            quantizer.num_values = count
        load_optimiser_tensors(self.optimiser, sections.get("adam", {}))
        self.best = sections.get("best", {})
        self.teacher = sections.get("teacher", {}).get("scores")
        self.epoch, self.best_epoch = content["epoch"], content["best_epoch"]
        self.history = content["history"]
        restore_rng_state(content["rng"], sections["rng"]["torch"])
        return float(content["seconds"])

    def _make_model(self) -> None:
        """Build network and optimiser of the phase; the last one has the widths that its method chose."""
        config = self.phase.config
        if self.phase is self.phases[-1]:
            config = replace(config, stage_bits=self.stage_bits)
        self.model = MODELS.resolve(config.model)(config.net_config_for(self.task.dataset))
        self.model.prepare(self.task.graph)
        for quantizer in self.model.quantizers():
            quantizer.is_observing = False  # ranges come from clean passes alone, in a resumed run too
        self.optimiser = make_optimiser(self.model, config, self.phase.is_distilled)

    def _start_phase(self) -> None:
        """Go on with new quantizers: from the best float32 weights, which also teach, later from the latest."""
        if self.teacher is None:
            self.model.load_state_dict(self.best)
            self.teacher = torch.from_numpy(self.model.evaluate(self.task.inputs, self.task.graph))
        ranges = {id(parameter) for parameter in self.model.range_parameters()}
        weights = {name: value for name, value in self.model.named_parameters() if id(value) not in ranges}
        if self.phase is self.phases[-1]:
            self.stage_bits = choose_widths(self.config, self.task, weights)
        self._make_model()
        self.model.load_state_dict(weights, strict=False)
        self.best_epoch = 0

    def _loss(self, scores: Tensor) -> Tensor:
        """Return the loss of the phase: cross-entropy on training nodes, divergence from the teacher on all."""
        loss = torch.nn.functional.cross_entropy(scores[self.task.train_nodes], self.task.train_labels)
        if self.teacher is None:
            return loss
        told, taught = scores.log_softmax(dim=1), self.teacher.log_softmax(dim=1)
        divergence = torch.nn.functional.kl_div(told, taught, reduction="batchmean", log_target=True)
        share = self.config.distill_weight
        return (1.0 - share) * loss + share * divergence

    def _gather_ranges(self) -> None:
        """Show the quantizers the values of evaluation, which dropout would widen."""
        if not self.model.config.quant.is_float:
            with calibrate(self.model):
                self.model(self.task.inputs, self.task.graph)

    def _rank(self, epoch: int) -> tuple[float, float]:
        """Return what epochs are compared by: validation accuracy, then lower validation loss."""
        return self.history["val_accuracy"][epoch - 1], -self.history["val_loss"][epoch - 1]
