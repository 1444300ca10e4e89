"""The page of a run as HTML, with all pictures and styles inside.

html = render(context, figures, evaluated)      # figures: evaluation.json
"""

from markupsafe import Markup

from dimjax.atomic_files import read_record
from dimjax.chips.planning import read_plan
from dimjax.data.labels import CATEGORIES, MIN_VISIBLE, read_table
from dimjax.drawing.text_tables import NONE
from dimjax.evaluation.slices import must_be_found
from dimjax.progress import bar
from dimjax.report import crops, curves, pages, provenance, recall_tables, tables
from dimjax.report.examples import Evaluated, choose_examples, outcome_tables
from dimjax.report.network_view import NetworkView
from dimjax.report.round_sections import sections
from dimjax.runs.context import RoundContext
from dimjax.runs.records import read_seconds_per_frame
from dimjax.runs.workdir import flat
from dimjax.training.training_log import TrainingLog


def render(context: RoundContext, figures: dict, evaluated: Evaluated) -> str:
    """Render the page.

    Args:
      context: Context of the last round.
      figures: Its evaluation.json.
      evaluated: Truth and detections of its evaluation.
    """
    record = read_record(context.paths.config)
    return pages.render(
        "page.html",
        name=context.paths.workdir.resolve().name,
        keys=flat(record["config"]),
        checkpoint=context.config.training.checkpoint,
        origin=provenance.origin(),
        speed=_speed(context),
        schedule=provenance.schedule(context.config.training.to_dict()),
        versions=record["versions"],
        figures=figures,
        frames=figures["frames"],
        has_truth=context.folder.truth is not None,
        min_visible=MIN_VISIBLE,
        examples=_draw_examples(context, evaluated),
        hidden=len(evaluated.hidden),
        files=context.paths.report_files.name,
        ratio_heading=pages.ratio_name(context),
        column_heads=crops.column_heads(context.config),
        rounds=sections(context),
        **_evaluation(figures),
        **_training(context),
    )


def _evaluation(figures: dict) -> dict:
    """Return the tables and charts of the evaluation."""
    categories = figures["frames"]["categories"]
    target, ratio = categories["target"], tables.ratio_of(figures)
    return {
        "target": target,
        "pd": _percent(target["recall"] if target["truths"] else None),
        "precision": _percent(target["precision"] if tables.has_detections(target) else None),
        "measurement": tables.measurement_text(figures),
        "category_table": tables.category_table(figures),
        "undetected": [name for name in CATEGORIES if _is_undetected(categories[name])],
        "ratio": ratio,
        "ratio_name": tables.RATIOS.get(ratio),
        "sequence_table": tables.sequence_table(figures),
        "recall_tables": recall_tables.recall_tables(figures),
        "bound_text": recall_tables.bound_text(figures),
        "other_tables": tables.other_tables(figures),
        "ratio_table": tables.ratio_table(figures),
        "ratio_bars": curves.ratio_bars(figures["frames"], ratio),
        "curves": curves.detection_curves(figures["frames"]),
        "confusion": tables.confusion_table(figures),
    }


def _is_undetected(category: dict) -> bool:
    return category["truths"] > 0 and not tables.has_detections(category)


def _training(context: RoundContext) -> dict:
    """Return the tables and charts of the training."""
    log, chip_px = TrainingLog(context.paths.round), context.config.chips.chip_px
    loss_curve, f1_curve = curves.training_curves(log.read_metrics())
    losses = log.read_losses(["id", "total"], last=True)
    plan = read_plan(context.paths.plan, context.folder.shapes, chip_px)
    labels = read_table(context.paths.labels)
    groups = curves.losses_by_content(losses, plan, labels, chip_px)
    return {
        "loss_curve": loss_curve,
        "rate_curve": _rate_curve(context, len(losses)),
        "f1_curve": f1_curve,
        "loss_histogram": curves.loss_histogram(groups),
        "loss_table": tables.loss_table(groups),
    }


def _rate_curve(context: RoundContext, examples: int) -> Markup:
    training = context.config.training
    return curves.learning_rate(training, -(-examples // training.batch_size), context.epochs)


def _speed(context: RoundContext) -> str:
    log = TrainingLog(context.paths.round)
    examples = len(log.read_losses(["id"], last=True)) // context.config.distributed.num_processes
    seconds = read_seconds_per_frame(context.paths)
    return provenance.speed(log.read_metrics(), examples, seconds)


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.1f} %"


def _draw_examples(context: RoundContext, evaluated: Evaluated) -> dict[str, list[dict]]:
    """Draw a few examples of each kind of dimjax.report.examples.KINDS.

    Returns:
      Kind -> examples; each has its row, its picture and what lies near it.
    """
    chosen = choose_examples(outcome_tables(evaluated, "target", context))
    truth, detections = evaluated.truth, evaluated.accepted
    truth = truth[must_be_found(truth)]

    def draw(row, kind: str) -> dict:
        truths, detected = crops.of_frame(truth, row), crops.of_frame(detections, row)
        marks = [*crops.marks("truth", truths), *crops.marks("detection", detected)]
        nearest = {
            "hit": "",
            "miss": crops.nearest_detection(row, detected, evaluated.match_px),
            "false alarm": crops.nearest_truth(row, truths),
        }
        view = NetworkView(context.folder.sequence(row.sequence), context.config)
        picture = crops.draw_crops(view, row, marks)
        return {"row": row, "nearest": nearest[kind], "picture": picture}

    return {
        kind: [draw(row, kind) for row in bar(rows.itertuples(), f"draw {kind} crops", "crop")]
        for kind, rows in chosen.items()
    }
