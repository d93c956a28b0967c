"""Command line: `btsr`, also `python -m btsr_core`."""

import csv
import sys
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from btsr_core.config import Experiment, experiment
from btsr_core.data.datasets import DATASETS
from btsr_core.data.protocol import History
from btsr_core.dial.cli import dial_command
from btsr_core.errors import InputError
from btsr_core.evaluation.evaluate import top_items_of
from btsr_core.experiment import prepare, run_experiment
from btsr_core.files import runs_dir
from btsr_core.printing import Commands, print_run, print_values, say
from btsr_core.runs import find_run, table_of_runs
from btsr_core.settings import OBJECTIVES, REGULARISERS, Scaling, View
from btsr_core.study.cli import study_command

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="BT-SR: sequential recommendation with Barlow Twins regularisation.",
)

_defaults = Experiment()
_data, _loss, _train, _model = (
    _defaults.data,
    _defaults.loss,
    _defaults.train,
    _defaults.model,
)

Source = Annotated[
    str, typer.Argument(help="Name of a dataset (see `btsr datasets`), or a CSV or Parquet file.")
]
Mirror = Annotated[
    Path | None, typer.Option(help="Folder searched before any download, laid out as NAME/FILE.")
]
Runs = Annotated[Path | None, typer.Option(help="Folder of runs; default $BTSR_RUNS or runs/.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")
]
UserCol = Annotated[str, typer.Option(help="Column of user ids in a file.")]
ItemCol = Annotated[str, typer.Option(help="Column of item ids in a file.")]
TimeCol = Annotated[str, typer.Option(help="Column of times in a file.")]
KCore = Annotated[int, typer.Option(help="Fewest different items of a user, and users of an item.")]
CutoffQuantile = Annotated[
    float, typer.Option(help="Quantile of the timestamps at which the future begins.")
]
HistoryOption = Annotated[
    History, typer.Option(help="Which of a test user's interactions count as history.")
]

_NO_SETTINGS = {"history", "mirror", "runs", "device", "as_json"}
"""Options of `train` that are not settings of the experiment, as all others are."""


@app.command()
def datasets() -> None:
    """List the named datasets: size, home, licence and what to cite."""
    for spec in DATASETS.values():
        lines = (spec.size, spec.homepage, f"licence: {spec.licence}", f"cite: {spec.citation}")
        say("\n  ".join([spec.name, *lines]))


@app.command()
def split(
    source: Source,
    history: HistoryOption = "after-cutoff",
    k_core: KCore = _data.k_core,
    cutoff_quantile: CutoffQuantile = _data.cutoff_quantile,
    mirror: Mirror = None,
    user_col: UserCol = _data.user_col,
    item_col: ItemCol = _data.item_col,
    time_col: TimeCol = _data.time_col,
    as_json: AsJson = False,
) -> None:
    """Cut a dataset at a point in time and print the sizes of its parts."""
    config = experiment(
        source=source,
        k_core=k_core,
        cutoff_quantile=cutoff_quantile,
        user_col=user_col,
        item_col=item_col,
        time_col=time_col,
    ).data
    sizes = prepare(config, mirror=mirror, progress=not as_json).split.sizes(history)
    print_values(sizes, as_json)


@app.command()
def train(
    source: Source,
    objective: Annotated[
        str, typer.Option(help="Next-item loss.", metavar="|".join(OBJECTIVES))
    ] = _loss.objective.name,
    n_negatives: Annotated[
        int | None, typer.Option(help="bce, gbce: negatives a position.")
    ] = None,
    reduction: Annotated[
        Literal["sum", "mean"] | None, typer.Option(help="bce: over the 1 + K terms.")
    ] = None,
    t: Annotated[float | None, typer.Option(help="gbce: calibration, 0 to 1.")] = None,
    bucket_items: Annotated[int | None, typer.Option(help="sce: items a bucket.")] = None,
    n_buckets: Annotated[int | None, typer.Option(help="sce: buckets; 0 chooses.")] = None,
    bucket_positions: Annotated[
        int | None, typer.Option(help="sce: positions a bucket; 0 chooses.")
    ] = None,
    mix: Annotated[
        bool | None, typer.Option(help="sce: mix positions into directions, or plain Gaussian.")
    ] = None,
    regulariser: Annotated[
        str, typer.Option(help="Term added to it, alpha times.", metavar="|".join(REGULARISERS))
    ] = _loss.regulariser.name,
    alpha: Annotated[float, typer.Option(help="Weight of the regulariser.")] = _loss.alpha,
    lam: Annotated[
        float | None, typer.Option(help="barlow-twins: weight of the off-diagonal terms.")
    ] = None,
    scaling: Annotated[
        Scaling | None, typer.Option(help="barlow-twins: Eq. 7 as printed, or divided by D.")
    ] = None,
    view: Annotated[View | None, typer.Option(help="barlow-twins, vicreg: the other view.")] = None,
    view_share: Annotated[
        float | None, typer.Option(help="barlow-twins, vicreg: share of items kept or changed.")
    ] = None,
    projection_dim: Annotated[
        int | None,
        typer.Option(help="barlow-twins, vicreg: outputs of a projection head; 0: none."),
    ] = None,
    invariance: Annotated[float | None, typer.Option(help="vicreg: weight.")] = None,
    variance: Annotated[float | None, typer.Option(help="vicreg: weight.")] = None,
    covariance: Annotated[float | None, typer.Option(help="vicreg: weight.")] = None,
    crop: Annotated[float | None, typer.Option(help="cl4srec: share kept.")] = None,
    mask: Annotated[float | None, typer.Option(help="cl4srec: share hidden.")] = None,
    reorder: Annotated[float | None, typer.Option(help="cl4srec: share shuffled.")] = None,
    temperature: Annotated[float | None, typer.Option(help="cl4srec, duorec, ec4srec.")] = None,
    drop_same_target: Annotated[
        bool | None, typer.Option(help="duorec: whether equal targets are no negatives.")
    ] = None,
    positive_share: Annotated[
        float | None, typer.Option(help="ec4srec: share that stays, the most important items.")
    ] = None,
    negative_share: Annotated[
        float | None, typer.Option(help="ec4srec: share that stays in negative views.")
    ] = None,
    negative_temperature: Annotated[
        float | None, typer.Option(help="ec4srec: of the contrast between negative views.")
    ] = None,
    negative_weight: Annotated[float | None, typer.Option(help="ec4srec: weight of it.")] = None,
    update_epochs: Annotated[
        list[int] | None,
        typer.Option(help="ec4srec: epochs before an update of importance; repeat for several."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every random stream.")] = _train.seed,
    dim: Annotated[int, typer.Option(help="Size of the embeddings.")] = _model.dim,
    n_blocks: Annotated[int, typer.Option(help="Transformer blocks.")] = _model.n_blocks,
    n_heads: Annotated[int, typer.Option(help="Attention heads.")] = _model.n_heads,
    dropout: Annotated[float, typer.Option(help="Of the encoder.")] = _model.dropout,
    max_len: Annotated[
        int, typer.Option(help="Newest items of a history that the encoder sees.")
    ] = _model.max_len,
    batch_size: Annotated[int, typer.Option(help="Sequences a step.")] = _train.batch_size,
    lr: Annotated[float, typer.Option(help="Learning rate of Adam.")] = _train.lr,
    weight_decay: Annotated[
        float, typer.Option(help="L2 coefficient of Adam.")
    ] = _train.weight_decay,
    max_epochs: Annotated[int, typer.Option(help="Most epochs.")] = _train.max_epochs,
    patience: Annotated[
        int, typer.Option(help="Epochs without a better validation ndcg@10 before stopping.")
    ] = _train.patience,
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(help="Of a training step's products; bfloat16 wants hardware that has it."),
    ] = _train.precision,
    select_on: Annotated[
        History, typer.Option(help="History reading of the validation that stops training.")
    ] = _defaults.evaluation.select_on,
    k_core: KCore = _data.k_core,
    cutoff_quantile: CutoffQuantile = _data.cutoff_quantile,
    history: HistoryOption = "after-cutoff",
    exclude_seen: Annotated[
        bool, typer.Option(help="Whether items already in the history stay out of the ranking.")
    ] = _defaults.evaluation.exclude_seen,
    mirror: Mirror = None,
    runs: Runs = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, ..; default: a GPU if any.")
    ] = None,
    user_col: UserCol = _data.user_col,
    item_col: ItemCol = _data.item_col,
    time_col: TimeCol = _data.time_col,
    as_json: AsJson = False,
) -> None:
    """Train a model, or load it if it is trained, and print its metrics.

    Validation and test metrics are those of the history reading asked for; the run holds both.
    """
    # First of all, while every local is an option. None stands for what was not given.
    given = {k: v for k, v in locals().items() if k not in _NO_SETTINGS and v is not None}
    described = experiment(**given)
    run = run_experiment(
        described, runs=runs, mirror=mirror, device=device, progress=sys.stderr.isatty()
    )
    print_run(run, history, as_json)


app.command(name="study")(study_command)
app.command(name="dial")(dial_command)


@app.command(name="runs")
def list_runs(runs: Runs = None, as_json: AsJson = False) -> None:
    """List the finished runs with their test metrics (history after the cutoff).

    Every file is checked. Runs that cannot be used are named on standard error, and the exit
    status is 1 then.
    """
    root = runs_dir(runs)
    table, unusable = table_of_runs(root)
    if as_json:
        say(table.to_json(orient="records"))
    elif table.empty and not unusable:
        say(f"no finished run in {root}")
    elif not table.empty:
        say(table.to_string(index=False, float_format="{:.4f}".format))
    for line in unusable:
        say(f"btsr: {line}", err=True)
    if unusable:
        raise typer.Exit(1)


@app.command()
def recommend(
    run: Annotated[str, typer.Argument(help="Id of a run, its first digits, or its folder.")],
    history: Annotated[
        str,
        typer.Option(
            help="Item ids of the dataset, oldest first, separated by commas; "
            "an id with a comma in it goes in double quotes."
        ),
    ],
    k: Annotated[int, typer.Option(help="How many items.", min=1)] = 10,
    runs: Runs = None,
    as_json: AsJson = False,
) -> None:
    """Recommend the next items after a history.

    A training that diverged after good epochs can be named too: its best epoch is used then.
    """
    trained = find_run(run, runs_dir(runs))
    if trained.has_diverged:
        kept, after = trained.summary["best_epoch"], trained.summary["epochs"]
        say(f"btsr: this training diverged after {after} epochs; epoch {kept} recommends", err=True)
    row_of = dict(zip(trained.items["item_id"], range(len(trained.items)), strict=True))
    asked = _ids(history)
    known = [row_of[item] for item in asked if item in row_of]
    unknown = [item for item in asked if item not in row_of]
    if not known:
        some = ", ".join(trained.items["item_id"].head(5))
        raise InputError(f"--history {history!r} names no item of this run; it knows {some}, ..")
    if unknown:
        say(f"btsr: ignored, not in the catalogue: {', '.join(unknown)}", err=True)
    best, scores = top_items_of(
        trained.model(),
        np.asarray(known),
        trained.experiment.model.max_len,
        k,
        exclude_seen=trained.experiment.evaluation.exclude_seen,
    )
    chosen = trained.items.iloc[best].assign(score=scores)
    if as_json:
        say(chosen.to_json(orient="records"))
        return
    for place, row in enumerate(chosen.itertuples(), start=1):
        say(f"{place:>3}  {row.score:8.3f}  {row.item_id}  {row.title}".rstrip())


def _ids(history: str) -> list[str]:
    """Return the ids in a line of them, separated by commas.

    Raises
    ------
    InputError
        If it is no such line.
    """
    try:
        return [item for item in next(csv.reader([history], skipinitialspace=True)) if item]
    except csv.Error:
        raise InputError(
            f"--history {history!r} is no line of ids with commas between them"
        ) from None
