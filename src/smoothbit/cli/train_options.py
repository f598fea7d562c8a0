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
    typer.Option("--warm-epochs", min=0, help="Epochs in float32 before low bits [default: a quarter of --epochs]."),
]
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
TorchThreadsOption: TypeAlias = Annotated[int, typer.Option("--threads", min=1, help="Threads of torch.")]
