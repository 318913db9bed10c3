"""`poe watch`: what a model in use is asked and answers, by the log of a server."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pandas as pd
from pandas.util import hash_pandas_object

from twobus.data import source
from twobus.data.checks.profile import from_json
from twobus.data.errors import DataError
from twobus.data.limits import Limits, limit
from twobus.models import declaration, holdout, logged, registry
from twobus.models.actuals import Actuals, joined, read
from twobus.models.columns import INPUT, KEY, PREDICTED, kept_apart, personal_inputs
from twobus.models.declaration import Model, ModelError
from twobus.models.findings import Looked, Watched, drifted, fallen, silent, told
from twobus.models.log_place import Place, place
from twobus.models.logged import BY, Period
from twobus.models.prediction_log import CHALLENGER, CHAMPION
from twobus.models.registry import Version
from twobus.models.series import MASE
from twobus.models.watch import Standard, changes, scores, standard
from twobus.project import StopError, here
from twobus.tasks import task

# Of more rows in a period, scores are those of a share of its requests.
MOST_JUDGED = 200_000


@task
def watch(
    names: list[str] | None = None,
    by: str = "week",
    days: int = 28,
    actuals: str = "",
) -> None:
    """Compare what models in use are asked and answer with what they have learned.

    Args:
        names: Which models; all if it is empty.
        by: What is looked at together: `week` or `day`.
        days: How many days are watched, until today.
        actuals: The table that knows what has become of rows; each model's own where
            it is empty.

    Raises:
        SystemExit: With a sentence for each thing that was found.
    """
    from twobus.models import watch_page

    if by not in BY or days < 1:
        raise ModelError("--by is day or week, and --days a number from 1 on.")
    where = place()
    if where is None:
        raise ModelError(
            "Nothing is logged: set PREDICTION_LOG to a folder or s3://bucket/folder, "
            "here and where the models are served; docs/MODELS.md tells more."
        )
    chosen = names or declaration.names()
    today = datetime.now(UTC)
    found: list[str] = []
    watched = [it for name in chosen if (it := look_at(name, where, by, days, actuals))]
    for one in watched:
        print(*watch_page.lines(one), sep="\n")
        file = here().reports / "models" / f"{one.name}-watch.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(watch_page.page(one, where.shown, today), "utf-8")
        print(f"\nPage: {here().name(file)}\n")
        found += [f"{one.name}: {it}." for it in one.found]
        if one.found:
            found.append(
                f"Next: look at {here().name(file)}, and where the rows come from. If "
                f"they are right: uv run poe train {one.name}"
            )
    if not any(one.looked for one in watched):
        found.append(
            f"{where.shown} has no rows of {', '.join(chosen) or 'any model'} in the "
            f"last {days} days: is a version promoted, and PREDICTION_LOG set where it "
            "is served? A server writes rows five minutes after it was asked, or when "
            "it ends."
        )
    if found:
        raise StopError("\n".join(found))


def look_at(
    name: str, where: Place, by: str, days: int, table: str, now: datetime | None = None
) -> Watched | None:
    """Look at a model; None where no version of it serves.

    Args:
        name: Its name.
        where: Where the log is.
        by: `day` or `week`.
        days: How many days are watched.
        table: The table that knows what has become of rows; empty: the model's own.
        now: The present time, in UTC.

    Raises:
        ModelError: If the log or the version cannot be read.
    """
    declaration.known(name)
    if (number := registry.champion(name)) is None:
        print(f"{name}: no version is promoted, so none is in use.\n")
        return None
    now = now or datetime.now(UTC)
    version = registry.fetch(name, number)
    other = _challenger(name, number)
    watched = Watched(name, number, other.number if other else None)
    kept = _kept(version)
    against, notes = _against(version, kept)
    watched.notes += notes
    both = {version.number: kept} | ({other.number: _kept(other)} if other else {})
    seen = {it: json.loads(own.get(holdout.FILE, "{}")) for it, own in both.items()}
    truth, notes = _truth(version.model, table)
    if truth and version.model.key:
        notes += [
            f"version {it} does not say from which keys it has learned, so that nobody "
            f"knows whether its scores are too good: train again by uv run poe train "
            f"{name}"
            for it, own in seen.items()
            if "learned" not in own
        ]
    since = now.date() - timedelta(days - 1)
    if by == "week":
        since -= timedelta(since.weekday())
    looks = (now.date() - since).days + 1
    files = logged.files_by_day(where, name)
    for period in logged.periods(files, by, since):
        with logged.rows(where, period) as rows:
            one = _look(rows, period, version, other, against, truth, looks, now, seen)
        watched.looked.append(one)
    if watched.looked:
        watched.notes += notes
        watched.notes += told(watched, [*files], since, now.date(), truth)
        watched.found += drifted(watched)
        watched.found += fallen(watched)
        watched.found += silent([*files], since, now.date())
    return watched


def _challenger(name: str, serving: int) -> Version | None:
    """Return the version that is shadowed, if it can be read."""
    number = registry.champion(name, CHALLENGER)
    if number is None or number == serving:
        return None
    try:
        return registry.fetch(name, number)
    except ModelError:
        return None


def _kept(version: Version) -> dict[str, str]:
    """Return what a version has kept of its rows, by files."""
    names = ("profile.json", "outputs.json", holdout.FILE)
    with registry.opened(version.name, version.number) as files:
        known = [files / name for name in names if (files / name).exists()]
        return {file.name: file.read_text("utf-8") for file in known}


def _against(
    version: Version, kept: dict[str, str]
) -> tuple[Standard | None, list[str]]:
    """Return what a version is held against, and what is not known of that."""
    model = version.model
    again = f"train again by uv run poe train {version.name}"
    which = f"version {version.number}"
    if "profile.json" not in kept:
        return None, [f"{which} has no profile of its training rows: {again}"]
    outputs = from_json(kept["outputs.json"]) if "outputs.json" in kept else None
    notes = []
    if not outputs:
        notes.append(f"{which} has no profile of its predictions: {again}")
    if personal := personal_inputs(model) | kept_apart(model.table, [model.target]):
        notes.append(f"not logged, since personal: {', '.join(sorted(personal))}")
    training = from_json(kept["profile.json"])
    return standard(model, training, outputs, _limits(model)), notes


def _limits(model: Model) -> dict[str, float]:
    """Return from which drift on a change of an input is named, where people say so."""
    try:
        entries = {it.name: it for it in source().catalogue()}
    except DataError:
        return {}
    limits = getattr(entries.get(model.table), "limits", None) or Limits()
    said = {it: limit(getattr(limits, "drift", None), it) for it in model.inputs}
    return {it: most for it, most in said.items() if most is not None}


def _truth(model: Model, table: str) -> tuple[Actuals | None, list[str]]:
    """Return what is known by now, or why nothing is."""
    try:
        truth = read(model, table)
    except (ModelError, DataError) as error:
        if table:
            raise
        return None, [f"no scores: {str(error).removesuffix('.')}"]
    ambiguous = f"{truth.ambiguous:,} rows of {truth.table} have the same "
    ambiguous += f"{' and '.join(truth.by)} as others, so that they tell nothing"
    scaled = f"{MASE} is not watched, since a log lacks the rows before: add "
    scaled += "neg_mean_absolute_error to the metrics"
    notes = [ambiguous] * bool(truth.ambiguous) + [scaled] * (MASE in model.metrics)
    if model.weight and truth.weights is None and len(truth.truth):
        notes.append(
            f"scores are not compared with training, which counted rows by "
            f"{model.weight}: {truth.table} has no such column"
        )
    return truth, notes


def _look(
    rows: ibis.Table,
    period: Period,
    version: Version,
    other: Version | None,
    against: Standard | None,
    truth: Actuals | None,
    looks: int,
    now: datetime,
    seen: Mapping[int, Mapping[str, Any]],
) -> Looked:
    """Look at a period."""
    ours = rows.filter((rows.version == version.number) & (rows.role == CHAMPION))
    others = rows.filter((rows.version != version.number) & (rows.role == CHAMPION))
    counts = [int(it.count().to_pyarrow().as_py()) for it in (ours, others)]
    one = Looked(period, counts[0], counts[1], [], 0, [])
    if not one.rows:
        return one
    if against:
        one = replace(one, changes=changes(ours, against, looks, now))
    if truth is None or f"{PREDICTED}{version.model.target}" not in rows.columns:
        return one
    known = _known(ours, version.model, truth, one.rows)
    theirs = None
    if other and not known.empty:
        shadowed = rows.filter(
            (rows.version == other.number) & (rows.role == CHALLENGER)
        )
        theirs = _known(shadowed, other.model, truth, one.rows)
    judged = scores(
        version.model,
        version.fitted,
        known,
        version.scores,
        looks,
        None if theirs is None or theirs.empty else theirs,
        other.fitted if other else None,
    )
    by_version = [(version, known)]
    if other and theirs is not None:
        by_version.append((other, theirs))
    learned = {
        it.number: holdout.learned_from(it.model, seen[it.number], rows["_key"])
        for it, rows in by_version
        if not rows.empty
    }
    return replace(one, known=len(known), judged=judged, learned=learned)


def _known(rows: ibis.Table, model: Model, truth: Actuals, count: int) -> pd.DataFrame:
    """Return predictions whose truth is known, by request and row."""
    if count > MOST_JUDGED:
        share = -(-count // MOST_JUDGED)
        rows = rows.filter(rows.request.hash().abs() % share == 0)
    whose = [
        f"{kind}{it}"
        for it in {*truth.by, *model.key, *model.series}
        for kind in (INPUT, KEY)
    ]
    wanted = [it for it in rows.columns if it.startswith(PREDICTED) or it in whose]
    loaded = rows.select(["request", "row", *wanted]).to_pandas()
    numbers = hash_pandas_object(loaded[["request", "row"]], index=False)
    # A request that was sent again with the same id is judged once.
    loaded = loaded.set_index(numbers)[~numbers.duplicated().to_numpy()]
    return joined(loaded, model, truth)
