"""`poe data --check`: is a table still the same, and is it what people demand?"""

import math
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandera.ibis as pa
import pyarrow
import pytest
from conftest import Small
from inside import call, forget, poe_inside
from postgres import Server
from reading import add_table, edit, table
from warehouse import Library

from template import choices
from twobus.data import Entry, access, own_tables, source
from twobus.data.checks import task
from twobus.data.checks.compare import compare
from twobus.data.checks.look import look
from twobus.data.checks.profile import from_json, write
from twobus.data.connection import in_memory
from twobus.project import StopError

NOW = datetime.now(UTC)
# Stands in a row, and must stand nowhere else.
NAME = "Ann Private"
FIELDS = """id: int = pa.Field(unique=True)
    name: str
    shop: str = pa.Field(isin=["north", "south"])
    amount: float = pa.Field(gt=0, nullable=True)
    sold: datetime.datetime
"""


def rows(factor: float = 1, count: int = 400, gaps: int = 0, days: float = 0) -> str:
    """Return a table of orders, the same each time."""
    chance = random.Random(1)
    lines = ["id,name,shop,amount,sold"]
    for number in range(count):
        amount = "" if number < gaps else f"{factor * chance.lognormvariate(3, 1):.2f}"
        sold = NOW - timedelta(days=days, minutes=number)
        who = f"{NAME} {chance.randrange(10**6)}"
        shop = chance.choice(["north", "south"])
        lines.append(f"{number},{who},{shop},{amount},{sold:%Y-%m-%d %H:%M:%S}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def shop(small: Small) -> Path:
    """A study of a table `orders`, which has been looked at once."""
    project = small(worked_example=False)
    demand(project)
    put(project, rows())
    check()
    return project


def demand(project: Path, *constants: str) -> None:
    """Write the table's module with some constants."""
    more = ["import datetime", "from twobus.data import Limits", "", *constants]
    add_table(project, "orders", FIELDS, rows(count=3), "\n".join(more))
    forget(project)


def put(project: Path, text: str) -> None:
    """Let the table have other rows."""
    file = project / "data" / "raw" / "orders.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def check(*names: str, **options: bool) -> None:
    """Check tables."""
    task.check_tables(names, lambda name: [], **options)


def refused(**options: bool) -> str:
    """Return the sentences by which a check fails."""
    with pytest.raises(StopError) as stopped:
        check(**options)
    return str(stopped.value).strip()


def kept(project: Path) -> str:
    return (project / "data/profiles/orders.json").read_text("utf-8")


def page(project: Path) -> str:
    return (project / "reports/data.html").read_text("utf-8")


# What it was before.


def test_the_first_look_has_nothing_to_compare_with(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "data/profiles/orders.json").unlink()
    check()
    said = capsys.readouterr().out
    assert "first look, nothing to compare with yet" in said
    assert from_json(kept(shop)).rows == 400


def test_a_table_that_is_the_same_is_as_before(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    check()
    said = capsys.readouterr().out
    assert said.splitlines()[1].split()[-2:] == ["as", "before"]


def test_a_change_without_a_limit_is_shown_and_does_not_fail(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(shop, rows(factor=10))
    check()
    said = capsys.readouterr().out
    assert "orders, since last time" in said
    assert "drift of" in said
    # From now on this is what it was before.
    check()
    assert "drift of" not in capsys.readouterr().out


def test_a_drift_beyond_its_limit_fails_and_is_compared_with_again(shop: Path) -> None:
    demand(shop, "OWNER = '@acme/sales'", "LIMITS = Limits(drift=0.2)")
    put(shop, rows(factor=10))
    before = kept(shop)
    said = refused()
    assert said.startswith("orders.amount has drifted by ")
    assert "and LIMITS allow 0.2: ask @acme/sales, or accept it by uv run poe" in said
    assert kept(shop) == before
    assert refused() == said


def test_a_drift_that_people_accept_is_what_the_next_look_compares_with(
    shop: Path,
) -> None:
    demand(shop, "LIMITS = Limits(drift={'amount': 0.2})")
    put(shop, rows(factor=10))
    check(accept=True)
    check()


def test_a_column_that_identifies_rows_does_not_drift(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, *lines = rows().splitlines()
    put(shop, "\n".join([head, *(f"1000{line}" for line in lines)]) + "\n")
    capsys.readouterr()
    check()
    assert "as before" in capsys.readouterr().out


def test_rows_that_double_are_shown(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(shop, rows(count=900))
    check()
    assert "orders: 400 rows before, 900 now." in capsys.readouterr().out


def test_a_profile_that_cannot_be_read_is_said(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("{", "[]", '{"format": 0}'):
        (shop / "data/profiles/orders.json").write_text(text)
        check()
        said = capsys.readouterr().out
        assert "data/profiles/orders.json cannot be read; first look" in said


def test_a_table_is_not_compared_with_one_from_elsewhere(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop / "data/profiles/orders.json"
    edit(file, '"place": "data/raw"', '"place": "postgres://host/db"')
    check()
    words = "last time it was read from postgres://host/db; first look"
    assert words in capsys.readouterr().out


def test_a_profile_is_whole_or_as_before(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept(shop)

    def stops(file: Path, text: str, *words: str) -> int:
        with file.open("w") as half:
            half.write(text[:10])
        raise OSError("disk full")

    profile = from_json(before)
    monkeypatch.setattr(Path, "write_text", stops)
    with pytest.raises(OSError, match="disk full"):
        write(profile, shop / "data/profiles/orders.json")
    assert kept(shop) == before
    assert [it.name for it in (shop / "data/profiles").iterdir()] == ["orders.json"]


@pytest.mark.parametrize("kind", choices("kind"))
def test_git_ignores_profiles_and_the_page(kind: str, small: Small) -> None:
    project = small(kind=kind)
    files = ["data/profiles/orders.json", "reports/data.html"]
    done = subprocess.run(
        ["git", "check-ignore", *files], cwd=project, capture_output=True, text=True
    )
    assert done.stdout.split() == files


# What people demand.


def test_whose_rows_they_are_is_counted(shop: Path) -> None:
    demand(shop, "LIMITS = Limits(key=['shop'])")
    check()
    assert from_json(kept(shop)).keys == 2


def test_too_few_rows_fail(shop: Path) -> None:
    demand(shop, "LIMITS = Limits(rows=(1_000, None))")
    assert refused() == (
        "orders has 400 rows, and LIMITS want 1,000 at least: look where its rows come "
        "from, or change LIMITS in tables/orders.py."
    )


def test_too_many_rows_fail(shop: Path) -> None:
    demand(shop, "LIMITS = Limits(rows=(None, 10))")
    assert "orders has 400 rows, and LIMITS allow 10 at most" in refused()


def test_too_many_missing_values_fail(shop: Path) -> None:
    demand(shop, "LIMITS = Limits(missing=0.05)")
    put(shop, rows(gaps=40))
    said = refused()
    assert "orders.amount lacks 10.0% of its values, and LIMITS allow 5.0%" in said


def test_a_stale_table_fails_by_the_words_of_updated(shop: Path) -> None:
    demand(shop, "UPDATED = 'hourly'")
    put(shop, rows(days=3))
    assert refused() == (
        "orders is stale: the newest sold of orders is 3 days old, and 90 minutes are "
        "allowed: look where its rows come from, or change LIMITS in tables/orders.py."
    )


def test_a_stale_table_fails_by_its_limits(shop: Path) -> None:
    demand(shop, "UPDATED = 'never'", "LIMITS = Limits(fresh='26h', by='sold')")
    put(shop, rows(days=2))
    assert "2 days old, and 26 hours are allowed" in refused()


def test_a_table_that_is_new_enough_passes(shop: Path) -> None:
    demand(shop, "UPDATED = 'hourly'", "LIMITS = Limits(by='sold')")
    check()


def test_words_that_are_not_understood_are_said_and_do_not_fail(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demand(shop, "UPDATED = 'when Ann has time'")
    check()
    said = capsys.readouterr().out
    assert said.count('UPDATED says "when Ann has time", which is not understood') == 1


def test_a_row_from_the_future_does_not_make_a_table_new(shop: Path) -> None:
    demand(shop, "UPDATED = 'hourly'")
    put(shop, rows(days=-9))
    assert "the newest sold of orders is 9 days ahead" in refused()


def test_without_a_column_of_times_the_date_of_the_file_counts(small: Small) -> None:
    project = small()
    edit(table(project), '"no more: the study ended in 2009"', '"hourly"')
    check()
    old = (NOW - timedelta(days=5)).timestamp()
    os.utime(project / "data/raw/penguins.csv", (old, old))
    assert "the file of penguins is 5 days old" in refused()


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ("Limits(by='sale')", "LIMITS in tables/orders.py names 'sale', which is no"),
        ("Limits(by='shop', fresh='1d')", "orders.shop is no column of times or dates"),
        ("Limits(drift={'price': 1})", "names 'price', which is no column"),
        ("Limits(key=['who'])", "names 'who', which is no column"),
        ("Limits(key='shop')", 'is one text: write ["shop"]'),
        ("{'rows': 3}", "LIMITS in tables/orders.py is none: write LIMITS = Limits("),
        ("Limits(fresh='soon')", 'fresh="soon" is not understood: write "26h"'),
    ],
)
def test_a_mistake_in_limits_is_said(shop: Path, limits: str, says: str) -> None:
    demand(shop, f"LIMITS = {limits}")
    assert says in refused()


def test_a_broken_contract_fails_and_is_no_measure_of_what_follows(
    shop: Path,
) -> None:
    before = kept(shop)
    put(shop, rows().replace("north", "Zanzibar", 1))
    assert "breaks its contract: shop fails isin(['north', 'south'])" in refused()
    assert kept(shop) == before


def test_a_table_that_cannot_be_read_does_not_hide_others(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_table(shop, "absent", "x: int")
    assert refused().startswith("The table 'absent' has no file")
    assert "orders  400" in capsys.readouterr().out


def test_only_tables_that_are_named_are_checked(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_table(shop, "absent", "x: int")
    check("orders")
    assert "absent" not in capsys.readouterr().out


def test_an_unknown_table_is_refused_by_its_name(shop: Path) -> None:
    with pytest.raises(StopError, match="There is no table 'ordrs'"):
        check("ordrs")


def test_of_samples_only_the_contract_is_checked(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    demand(shop, "LIMITS = Limits(rows=(1_000, None))")
    monkeypatch.setenv("DATA_URL", "samples")
    before = kept(shop)
    check()
    assert "it is the sample, so that only its contract" in capsys.readouterr().out
    assert kept(shop) == before


# What is shown, and to whom.


def test_no_value_is_kept_or_shown(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(shop, rows(factor=10).replace("north", "Zanzibar", 3))
    refused()
    shown = capsys.readouterr()
    for text in (page(shop), shown.out, shown.err, kept(shop)):
        assert NAME not in text
        assert "Zanzibar" not in text


def test_categories_that_no_contract_lists_are_counted_and_not_named(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(table(shop, "orders"), 'isin=["north", "south"]', "nullable=True")
    forget(shop)
    (shop / "data/profiles/orders.json").unlink()
    check()
    put(shop, rows().replace("north", "Zanzibar"))
    check()
    said = capsys.readouterr().out
    assert "new: 1 value; gone: 1 value" in said
    assert "Zanzibar" not in said + kept(shop) + page(shop)


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (45, 55, "category"),
        (55, 45, "text"),
        (30, 200, "text"),
        (200, 20, "category"),
    ],
)
def test_a_text_near_the_border_of_categories_stays_on_its_side(
    before: int, now: int, kind: str
) -> None:
    class Text(pa.DataFrameModel):
        x: str

    contract, connection = Text.to_schema(), in_memory()
    sides = [
        connection.create_table(
            f"of{count}", pyarrow.table({"x": [f"v{at % count}" for at in range(2000)]})
        )
        for count in (before, now)
    ]
    first = look(sides[0], contract, NOW).profile
    then = look(sides[1], contract, NOW, "", [first])
    assert then.profile.columns["x"].kind == kind
    told = "different values" in str(compare(first, then, {})[0].notes)
    assert told == (first.columns["x"].kind != kind)


def test_values_are_not_shown_where_nobody_sits(shop: Path) -> None:
    assert "only to a person's own terminal" in refused(show_values=True)


def test_values_are_not_shown_in_ci(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("CI", "true")
    assert "only to a person's own terminal" in refused(show_values=True)


def test_a_person_is_shown_up_to_five_values_of_a_broken_rule(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("CI", raising=False)
    put(shop, rows().replace("north", "Zanzibar").replace("\n7,", "\n8,"))
    refused(show_values=True)
    said = capsys.readouterr().out
    assert f"fails isin(['north', 'south']): {', '.join(['Zanzibar'] * 5)}\n" in said
    assert "orders: id is not unique: 8\n" in said
    assert "Zanzibar" not in page(shop)


def test_a_person_is_shown_values_that_are_not_of_their_type(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("CI", raising=False)
    put(shop, rows().replace("\n7,", "\nseven,"))
    refused(show_values=True)
    assert "orders: id is not of its type: seven\n" in capsys.readouterr().out
    assert "seven" not in page(shop)


def test_what_people_write_is_escaped_on_the_page(shop: Path) -> None:
    demand(shop, "OWNER = '<script>x</script>'", "LIMITS = Limits(rows=(1_000, None))")
    refused()
    assert "&lt;script&gt;" in page(shop)
    assert "<script" not in page(shop)


def test_the_page_needs_nothing_else(shop: Path) -> None:
    check()
    words = ("src=", "href=", "://", "@import", "url(")
    assert [word for word in words if word in page(shop)] == []


# What it costs, and where it works.


def test_a_table_is_looked_at_by_three_queries(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, asked = own_tables().connect(), []
    query = backend.to_pyarrow
    read = source().read("orders", check=False)

    def noted(*words: object, **options: object) -> object:
        asked.append("rows")
        return query(*words, **options)

    monkeypatch.setattr(backend, "to_pyarrow", noted)
    earlier = from_json(kept(shop))
    look(read, source().contract("orders"), NOW, "", [earlier, earlier])
    assert len(asked) == 3


def test_a_database_is_checked_like_files(library: Library, server: Server) -> None:
    project = library(server.url())
    edit(table(project, "customers"), '"every night by 5:00 UTC"', '"never"')
    server.sql("delete from customers where id > 1")
    check("customers")
    server.sql(
        "insert into customers "
        "select it, 'Ann Private ' || it, null from generate_series(2, 900) it"
    )
    try:
        check("customers")
    finally:
        server.sql("delete from customers where id > 1")
    assert "1 rows before, 900 now" in page(project)
    profile = from_json((project / "data/profiles/customers.json").read_text("utf-8"))
    assert profile.place.startswith("postgres://127.0.0.1")
    assert profile.columns["joined"].missing == 899


def test_postgresql_and_duckdb_tell_the_same(
    shop: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql(
        "create table orders (id bigint, name text, shop text, amount float8, "
        "sold timestamp)"
    )
    put(shop, rows(gaps=30))
    check()
    there = rows(gaps=30).splitlines()[1:]
    values = [
        "({}, '{}', '{}', {}, '{}')".format(
            *(cell or "null" for cell in line.split(","))
        )
        for line in there
    ]
    server.sql(" ".join(["insert into orders values", ", ".join(values)]))
    monkeypatch.setenv("DATA_URL", server.url())
    of_files = from_json(kept(shop))
    found = look(source().read("orders"), source().contract("orders"), NOW).profile
    for name, column in found.columns.items():
        other = of_files.columns[name]
        assert column.edges == pytest.approx(other.edges)
        assert (column.kind, column.missing) == (other.kind, other.missing)
        assert (column.rows, column.categories) == (other.rows, other.categories)
        assert (column.least, column.most) == (other.least, other.most)


class Odd(pa.DataFrameModel):
    """A contract of numbers."""

    x: float = pa.Field(nullable=True)


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([1.0, 2.0, math.nan, math.inf, -math.inf, None], 2),
        ([math.nan, None], 2),
        ([math.inf, math.inf], 0),
        ([5.0], 0),
        ([], 0),
    ],
    ids=str,
)
def test_odd_numbers_are_counted_and_stop_nothing(
    numbers: list[float | None], missing: int
) -> None:
    given = pyarrow.table({"x": pyarrow.array(numbers, pyarrow.float64())})
    table = in_memory().create_table("odd", given)
    profile = look(table, Odd.to_schema(), NOW).profile
    column = profile.columns["x"]
    assert (column.missing, sum(column.rows)) == (missing, len(numbers) - missing)
    assert all(map(math.isfinite, column.edges))
    again = look(table, Odd.to_schema(), NOW, "", [profile])
    assert again.profile.columns == profile.columns
    assert [change.notes for change in compare(profile, again, {})] == [[]]


def test_a_library_that_says_less_of_its_tables_has_no_limits(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Early:
        name, owner, updated = "orders", "@ann", "never"

    monkeypatch.setattr(access._Module, "catalogue", lambda self: [Early()])
    check()


def test_a_library_without_a_catalogue_is_told_by_a_sentence(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys.modules[f"{shop_package()}.data"], "catalogue")
    assert "of an older release of Twobus, which lists no tables" in refused()


def shop_package() -> str:
    return own_tables().package.__name__.partition(".")[0]


def test_the_catalogue_shows_limits(shop: Path) -> None:
    demand(shop, "LIMITS = Limits(rows=(1, None))")
    (entry,) = source().catalogue()
    assert isinstance(entry, Entry)
    assert entry.limits is not None
    assert entry.limits.rows == (1, None)


# The command.


def test_files_are_fetched_without_the_option(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = call(shop, "data")
    assert result.code == 0
    assert "data/sources.toml lists no files" in result.output


def test_options_for_a_check_are_refused_without_one(shop: Path) -> None:
    for words in (["orders"], ["--accept"], ["--show-values"]):
        result = call(shop, "data", *words)
        assert result.code == 1
        assert result.output == "Names and options are for uv run poe data --check.\n"


def test_a_library_has_nothing_to_fetch(small: Small) -> None:
    result = call(small(kind="library"), "data")
    assert (result.code, "nothing to fetch" in result.output) == (0, True)


@pytest.mark.slow
def test_poe_hands_names_and_options_on(shop: Path) -> None:
    add_table(shop, "absent", "x: int")
    result = poe_inside(shop, "data", "--check", "orders", "--accept")
    assert result.code == 0, result.output
    assert "as before" in result.output
    assert poe_inside(shop, "data", "--check").code == 1


@pytest.mark.slow
def test_limits_as_people_write_them_are_typed_and_tidy(small: Small) -> None:
    project = small()
    limits = (
        'LIMITS = Limits(rows=(1_000, None), fresh="26h", missing=0.05, '
        'drift={"sex": 0.2})'
    )
    edit(table(project), "\n\nOWNER", "\nfrom twobus.data import Limits\n\nOWNER")
    edit(table(project), "CSV_OPTIONS =", f"{limits}\nCSV_OPTIONS =")
    for tool in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        words = [sys.executable, "-m", *tool]
        done = subprocess.run(words, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
