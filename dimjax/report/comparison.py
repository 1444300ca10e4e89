"""Two runs side by side: figures, curves, and the same targets and false alarms paired.

    page = compare("runs/a", "runs/b", folder)  # folder/compare.html

Both must have been evaluated on the same sequences against the same truth, at least in part: the
sequences that both have are compared.
"""

from pathlib import Path

import pandas as pd

from dimjax.atomic_files import write_text
from dimjax.data.labels import CATEGORIES
from dimjax.drawing.text_tables import NONE, Table, as_text
from dimjax.errors import InputError
from dimjax.evaluation.figures import outcome_of
from dimjax.progress import say
from dimjax.report import curves, gallery, pages, tables
from dimjax.report.examples import Evaluated, outcome_tables, read_evaluated
from dimjax.report.recall_tables import bound_text, compared_recalls
from dimjax.runs import digests
from dimjax.runs.context import RoundContext
from dimjax.runs.records import read_evaluation
from dimjax.runs.workdir import Paths, flat, newest_round, read_config

# Kind of a pair -> its description; the first kinds concern truths, the others false alarms.
PAIRS = {
    "gained": "missed by the first run, detected by the second",
    "lost": "detected by the first run, missed by the second",
    "both missed": "missed by both",
    "new false alarm": "of the second run alone",
    "false alarm gone": "of the first run alone",
    "false alarm of both": "within the matching distance of one another",
}
_PLACE = ["sequence", "frame", "x", "y"]
_PARTS = {"frames": "full frames", "tracks": "with tracks", "online": "tracks, online"}


class _Side:
    """A run's last evaluation."""

    def __init__(self, workdir: str | Path):
        config = read_config(workdir)
        paths = Paths(workdir, newest_round(workdir))
        if not paths.evaluation.exists():
            rule, remedy = "a run to compare must be evaluated", "Give its `evaluate` first."
            raise InputError(workdir, rule, "no evaluation.json", remedy)
        digests.verify(paths, "evaluate")
        self.context = RoundContext(config, paths)
        self.figures = read_evaluation(paths)
        self.evaluated = read_evaluated(self.context, self.figures)
        self.metrics = paths.training_log.metrics_so_far()


def compare(first: str | Path, second: str | Path, folder: Path) -> Path:
    """Write a page that compares the newest rounds of two runs, and print its tables.

    The pictures of an earlier page in the folder are removed; dimjax.commands.compare checks it.

    Returns:
      The page.

    Raises:
      InputError: A run is not evaluated or damaged, or they share no sequence with the same truth.
    """
    sides = [_Side(first), _Side(second)]
    names = _shared_sequences(*sides)
    pairs = pd.concat([pair(*sides, names, category) for category in CATEGORIES])
    rows, notes = _limited(pairs)
    pages.replace_by_note(folder / "compare.html")
    entries = gallery.draw(sides[1].context, _within(sides[1].evaluated, names), rows, folder)
    labels = _labels(first, second)
    shown = {
        "figures": _figures_table(sides, labels),
        "recalls": compared_recalls(
            [(label, side.figures) for side, label in zip(sides, labels, strict=True)]
        ),
        "pairs": _pairs_table(pairs),
    }
    keys = _differing_keys(sides, labels)
    metrics = dict(zip(labels, (side.metrics for side in sides), strict=True))
    page = pages.render(
        "compare.html",
        **{"labels": labels, "tables": shown, "keys": keys, "entries": entries, "notes": notes},
        bound_texts=sorted({bound_text(side.figures) or "" for side in sides} - {""}),
        sequences=len(names),
        f1_curve=curves.f1_of_runs(metrics),
        kinds=list(PAIRS),
        ratio=pages.ratio_name(sides[1].context),
        pairs=PAIRS,
    )
    write_text(folder / "compare.html", page)
    say(f"first: {first}, second: {second}")
    say("\n\n".join(as_text(table) for table in shown.values()))
    say(f"\nwritten: {folder / 'compare.html'}")
    return folder / "compare.html"


def _labels(first: str | Path, second: str | Path) -> tuple[str, str]:
    """Name both runs by their directories, by their paths if these have the same name."""
    names = Path(first).resolve().name, Path(second).resolve().name
    return names if names[0] != names[1] else (str(first), str(second))


def _shared_sequences(first: _Side, second: _Side) -> list[str]:
    """Return the sequences that both measured against the same truth."""
    names = set(first.figures["sequences"]) & set(second.figures["sequences"])
    columns = [*_PLACE, "category"]
    truths = [
        dict(list(side.evaluated.truth[columns].round(2).groupby("sequence")))
        for side in (first, second)
    ]
    nothing = first.evaluated.truth[columns][:0]
    same = [
        name
        for name in sorted(names)
        if _rows(truths[0].get(name, nothing)) == _rows(truths[1].get(name, nothing))
    ]
    if not same:
        rule = "both runs must be evaluated on a sequence with the same truth"
        value = f"{len(names)} sequences of the same name, none with the same truth"
        raise InputError("--compare", rule, value, "Measure both on one folder: evaluate --input.")
    if len(same) < len({*first.figures["sequences"], *second.figures["sequences"]}):
        say(f"compared: the {len(same)} sequences that both were evaluated on")
    return same


def _rows(table: pd.DataFrame) -> list[tuple]:
    return sorted(table.itertuples(index=False, name=None))


def _within(evaluated: Evaluated, names: list[str]) -> Evaluated:
    truth, detections = evaluated.truth, evaluated.detections
    return evaluated._replace(
        truth=truth[truth.sequence.isin(names)],
        detections=detections[detections.sequence.isin(names)],
    )


def pair(first: _Side, second: _Side, names: list[str], category: str) -> pd.DataFrame:
    """Pair the truths and false alarms of a category in both runs.

    Returns:
      Table with the columns of dimjax.report.examples.outcome_tables and kind, a key of PAIRS. The
      score is that of the second run, of what is the first run's alone that of the first.
    """
    before, after = (
        outcome_tables(_within(side.evaluated, names), category, side.context)
        for side in (first, second)
    )
    found = before["hit"].set_index(_PLACE).index
    hits = after["hit"][~after["hit"].set_index(_PLACE).index.isin(found)]
    missed = before["miss"].set_index(_PLACE).index
    was_missed = after["miss"].set_index(_PLACE).index.isin(missed)
    old, new = before["false alarm"], after["false alarm"]
    stays, is_old = _near(old, new, category, second.evaluated.match_px)
    parts = {
        "gained": hits,
        "lost": after["miss"][~was_missed],
        "both missed": after["miss"][was_missed],
        "new false alarm": new[~is_old],
        "false alarm gone": old[~stays],
        "false alarm of both": new[is_old],
    }
    tables_of = [table.assign(kind=kind) for kind, table in parts.items()]
    return pd.concat(tables_of, ignore_index=True)


def _near(old: pd.DataFrame, new: pd.DataFrame, category: str, match_px: float):
    """Whether each false alarm of both tables has its counterpart in the other, one-to-one."""
    outcome, truths, detections = outcome_of(old, new, category, match_px)
    in_old, in_new = (pd.Series(False, index=range(len(table))) for table in (truths, detections))
    in_old[outcome.truth[outcome.hit]] = True
    in_new[outcome.detection[outcome.hit]] = True
    return in_old.to_numpy(), in_new.to_numpy()


def _limited(pairs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Take the first pairs of each kind and category, and name what is left out."""
    chosen, notes = [], []
    for (kind, category), rows in pairs.groupby(["kind", "category"], sort=False):
        rows = rows.sort_values(["ratio", "score"], ascending=False, kind="stable")
        chosen.append(rows.head(gallery.MAX_PICTURES))
        if len(rows) > gallery.MAX_PICTURES:
            notes.append(f"{gallery.MAX_PICTURES} of {len(rows):,} are shown: {kind}, {category}.")
    return pd.concat(chosen or [pairs], ignore_index=True), notes


def _figures_table(sides: list[_Side], labels: tuple[str, str]) -> Table:
    """Tabulate the figures of both runs, as each was evaluated."""
    columns = [("on", ""), ("category", ""), ("run", ""), ("threshold", "score")]
    columns += [("precision", "0-1"), ("recall = Pd", "0-1"), ("F1", "0-1")]
    columns += [("false alarms", "per frame"), ("truths", "number")]
    rows = []
    for part, on in _PARTS.items():
        for category in CATEGORIES:
            for side, label in zip(sides, labels, strict=True):
                if part in side.figures:
                    of = side.figures[part]["categories"][category]
                    rows.append([on, category, label, *_cells(of)])
    return Table(columns, rows, text_columns=3)


def _cells(category: dict) -> list[str]:
    threshold = category["threshold"]
    return [
        NONE if threshold is None else tables.share(threshold),
        *tables.precision_recall_f1(category),
        tables.three_digits(category["false_alarms_per_frame"]),
        f"{category['truths']:,}",
    ]


def _pairs_table(pairs: pd.DataFrame) -> Table:
    counts = pairs.groupby(["kind", "category"]).size().to_dict()
    rows = [
        [kind, text, *(f"{counts.get((kind, category), 0):,}" for category in CATEGORIES)]
        for kind, text in PAIRS.items()
    ]
    columns = [("pair", ""), ("meaning", ""), *((name, "number") for name in CATEGORIES)]
    return Table(columns, rows, text_columns=2)


def _differing_keys(sides: list[_Side], labels: tuple[str, str]) -> Table | None:
    """Tabulate the keys that differ; None if there are none."""
    first, second = (flat(side.context.config.to_dict()) for side in sides)
    keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    rows = [[key, str(first.get(key, NONE)), str(second.get(key, NONE))] for key in keys]
    return Table([("key", ""), *((label, "") for label in labels)], rows, 3) if rows else None
