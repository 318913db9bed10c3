"""Change is told from chance: proven by tables drawn from known populations."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from template import whole
from twobus.data.checks.chance import beyond_chance, by_chance, full, index
from twobus.data.checks.compare import compare
from twobus.data.checks.look import TENTHS, _edges
from twobus.data.checks.profile import Column, Profile, Today, counted, ends

Draw = Callable[[np.random.Generator, int], np.ndarray]
# What columns are like: even, with a long tail, mostly zero, few numbers, few names.
POPULATIONS: dict[str, Draw] = {
    "normal": lambda chance, rows: chance.normal(size=rows),
    "tail": lambda chance, rows: chance.lognormal(0, 2, rows),
    "zeros": lambda chance, rows: chance.poisson(0.3, rows).astype(float),
    "grades": lambda chance, rows: chance.integers(0, 5, rows).astype(float),
    "names": lambda chance, rows: np.minimum(chance.zipf(1.7, rows), 40).astype(str),
}
MISSING = 0.1


def tables(
    before: Draw | None, now: Draw | None, sizes: tuple[int, int], seed: int, often: int
) -> tuple[Profile, Today]:
    """Draw two tables; without a population, of `often` columns of each."""
    chance = np.random.default_rng(seed)
    draws = {"x": (before, now)}
    if before is None or now is None:
        each = POPULATIONS.items()
        draws = {f"{name}{at}": (it, it) for name, it in each for at in range(often)}
    columns: tuple[dict[str, Column], dict[str, Column]] = ({}, {})
    below = {}
    for name, (old, new) in draws.items():
        assert old is not None and new is not None
        values = [
            draw(chance, rows) for draw, rows in zip((old, new), sizes, strict=True)
        ]
        kept = [one[chance.random(len(one)) > MISSING] for one in values]
        for at in (0, 1):
            missing = sizes[at] - len(kept[at])
            columns[at][name] = replace(pictured(kept[at]), missing=missing)
        if kept[1].dtype.kind == "f":
            edges = [*columns[0][name].edges, *ends(columns[0][name])]
            below[name] = {edge: int((kept[1] < edge).sum()) for edge in edges}
    first, second = (
        Profile("", "", sizes[at], sizes[at], columns[at]) for at in (0, 1)
    )
    return first, Today(second, below, {}, {})


def pictured(values: np.ndarray) -> Column:
    """Describe values as the database does."""
    if values.dtype.kind != "f":
        names, counts = np.unique(values, return_counts=True)
        categories = dict(zip(names.tolist(), counts.tolist(), strict=True))
        return Column("category", 0, categories=categories)
    edges = _edges(np.quantile(values, TENTHS).tolist()) if len(values) else []
    below = {edge: int((values < edge).sum()) for edge in edges}
    rows = counted(below, edges, len(values))
    least, most = float(values.min()), float(values.max())
    return Column("number", 0, least=least, most=most, edges=edges, rows=rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes",
    [(30, 30), (300, 30), *map(whole, [(30, 300), (100, 100), (1000, 200)])],
    ids=str,
)
def test_of_tables_that_have_not_changed_one_of_100_is_named(
    sizes: tuple[int, int],
) -> None:
    runs = 300
    named = 0
    for seed in range(runs):
        before, today = tables(None, None, sizes, seed, 4)
        named += any(change.notes for change in compare(before, today, {}))
    # Of 300 tables at 1 %, more than nine are named once in a thousand tries.
    assert named <= 9


def test_the_index_alone_would_cry_on_most_small_tables() -> None:
    pairs = [tables(None, None, (100, 100), seed, 4) for seed in range(50)]
    cries = [
        any((change.drift or 0) > 0.1 for change in compare(*pair, {}))
        for pair in pairs
    ]
    assert sum(cries) > 40


@pytest.mark.parametrize("said", [True, False])
def test_rows_of_few_customers_are_told_from_change_where_one_says_whose_they_are(
    said: bool,
) -> None:
    each, runs, named = 5, 100, 0
    customers: dict[str, Draw] = {
        "amount": lambda chance, rows: chance.normal(size=rows // each).repeat(each),
        "town": lambda chance, rows: chance.choice([*"abcd"], rows // each).repeat(
            each
        ),
    }
    for seed in range(runs):
        for draw in customers.values():
            before, today = tables(draw, draw, (500, 500), seed, 1)
            if said:
                before = replace(before, keys=100)
            named += bool(compare(before, today, {})[0].notes)
    assert named <= 5 if said else named > 20


def found(before: Draw, now: Draw, rows: int, words: str) -> float:
    """Return how often a change is named."""
    runs = 100
    pairs = (tables(before, now, (rows, rows), seed, 1) for seed in range(runs))
    return sum(words in str(compare(*it, {})[0].notes) for it in pairs) / runs


@pytest.mark.parametrize(
    ("rows", "least"), [(100, 0.9), (1_000, 1.0)], ids=["100", "1000"]
)
def test_numbers_that_move_by_their_spread_are_found(rows: int, least: float) -> None:
    share = found(
        lambda chance, n: chance.normal(size=n),
        lambda chance, n: chance.normal(1, size=n),
        rows,
        "drift",
    )
    assert share >= least


def test_a_change_that_is_too_small_to_matter_is_not_named() -> None:
    share = found(
        lambda chance, n: chance.normal(size=n),
        lambda chance, n: chance.normal(0.1, size=n),
        20_000,
        "drift",
    )
    assert share == 0


def test_fewer_zeros_among_mostly_zeros_are_found() -> None:
    share = found(
        lambda chance, n: (chance.random(n) > 0.95) * chance.random(n),
        lambda chance, n: (chance.random(n) > 0.6) * chance.random(n),
        500,
        "drift",
    )
    assert share == 1


def test_another_mix_of_categories_is_found() -> None:
    share = found(
        lambda chance, n: chance.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
        lambda chance, n: chance.choice(["a", "b", "c"], n, p=[0.3, 0.3, 0.4]),
        300,
        "drift",
    )
    assert share > 0.95


def test_numbers_in_another_unit_are_out_of_range() -> None:
    share = found(
        lambda chance, n: chance.lognormal(size=n),
        lambda chance, n: 1000 * chance.lognormal(size=n),
        100,
        "rows above the earlier range",
    )
    assert share == 1


def test_a_category_that_goes_and_one_that_comes_are_found() -> None:
    def early(chance: np.random.Generator, rows: int) -> np.ndarray:
        return chance.choice(["a", "b"], rows)

    def late(chance: np.random.Generator, rows: int) -> np.ndarray:
        return chance.choice(["a", "c"], rows)

    before, today = tables(early, late, (200, 200), 0, 1)
    notes = compare(before, today, {})[0].notes
    assert notes[:2] == ["new: c", "gone: b"]


def gaps(before: int, now: int) -> tuple[Profile, Today]:
    """Return two tables of 500 rows, in which so many values are missing."""
    first, second = (
        Profile("", "", 500, 500, {"x": Column("text", missing)})
        for missing in (before, now)
    )
    return first, Today(second, {}, {}, {})


def test_more_missing_values_are_found() -> None:
    assert compare(*gaps(50, 150), {})[0].notes == ["more missing values"]


def test_a_few_more_missing_values_may_be_chance() -> None:
    assert compare(*gaps(50, 70), {})[0].notes == []


def test_missing_values_are_no_news_where_such_rows_were_left_out() -> None:
    assert compare(*gaps(0, 150), {}, known="x")[0].notes == []


def test_a_table_without_rows_is_compared() -> None:
    empty = Profile("", "", 0, 0, {"x": Column("number", 0)})
    change = compare(empty, Today(empty, {"x": {}}, {}, {}), {})[0]
    assert (change.drift, change.notes) == (None, [])


def test_the_index_is_what_its_formula_says() -> None:
    # (0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5), of many rows.
    assert index([50_000, 50_000], [60_000, 40_000]) == pytest.approx(0.04055, abs=1e-4)


def test_bins_with_few_rows_are_put_together() -> None:
    assert full([3, 3, 50, 1], [4, 4, 50, 0]) == [[0, 1], [2, 3]]


def test_chance_of_a_difference_is_that_of_its_test() -> None:
    # χ² = 10.89 with one degree of freedom: once in 1,036 tries.
    assert beyond_chance([100, 100], [133, 67], 0.002)
    assert not beyond_chance([100, 100], [133, 67], 0.0005)


def test_ten_greatest_rows_of_two_equal_tables_are_in_one_once_in_1024() -> None:
    assert by_chance(10, 500, 500) == 1 / 1024
