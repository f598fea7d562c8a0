"""Options of a recipe, shared by `train` and `compare`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

DatasetOption: TypeAlias = Annotated[str, typer.Option("--dataset", help="Data set, e.g. Cora, Photo, digits.")]
SplitOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="public, public-<i>, random-20, random-60-20-20 [default: the data set's own]."),
]
SeedsOption: TypeAlias = Annotated[int, typer.Option("--seeds", min=1, help="Number of seeds, from 0.")]
EpochsOption: TypeAlias = Annotated[int, typer.Option(help="Epochs.")]
WarmEpochsOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--warm-epochs", min=0, help="Epochs of the float32 teacher first [default: half of --epochs]."),
]
DistillOption: TypeAlias = Annotated[
    float, typer.Option("--distill", min=0, max=1, help="Share of the loss that follows the float32 teacher.")
]
GradualOption: TypeAlias = Annotated[
    bool, typer.Option("--gradual/--direct", help="Pass through the widths above the wanted one, or not.")
]
ScheduleOption: TypeAlias = Annotated[str, typer.Option(help="Learning rates of each phase: cosine or step.")]
StepsOption: TypeAlias = Annotated[int, typer.Option("--steps", help="Propagation steps K.")]
HiddenOption: TypeAlias = Annotated[int, typer.Option("--hidden", help="Hidden channels.")]
OrderOption: TypeAlias = Annotated[
    str, typer.Option(help="predict_first, or propagate_first (propagated node embeddings).")
]
DropoutOption: TypeAlias = Annotated[float, typer.Option(help="Dropout probability.")]
LearningRateOption: TypeAlias = Annotated[float, typer.Option("--lr", help="Learning rate of the weights.")]
RangeRateOption: TypeAlias = Annotated[
    float, typer.Option("--range-lr", help="Learning rate of the quantizers' ranges.")
]
WeightDecayOption: TypeAlias = Annotated[float, typer.Option(help="L2 penalty of the weights.")]
DistillDecayOption: TypeAlias = Annotated[
    float, typer.Option("--distill-weight-decay", help="L2 penalty after the float32 epochs.")
]
PropagationOptions: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="Option of the propagation, e.g. teleport=0.2; repeatable."),
]
ModelOption: TypeAlias = Annotated[str, typer.Option(help="smp_net, mlp, gcn, sgc or gcnii.")]
ModelOptions: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--model-option", metavar="KEY=VALUE", help="Option of the model, e.g. teleport=0.2; repeatable."),
]
GranularityOption: TypeAlias = Annotated[str, typer.Option(help="per_tensor or per_channel weights.")]
GridOption: TypeAlias = Annotated[
    str, typer.Option(help="Levels of signed tensors at 1 and 2 bits: half (none at 0) or integer.")
]
CodingOption: TypeAlias = Annotated[
    str, typer.Option(help="What messages carry: plain, feedback, delta; auto is delta at 1 and 2 bits with K > 2.")
]
TorchThreadsOption: TypeAlias = Annotated[int, typer.Option("--threads", min=1, help="Threads of torch.")]
