"""A new model is written whole, or not at all, and is green from its first minute."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest
from conftest import Small
from inside import forget, poe_inside
from modelled import MODELS, PACKAGE, refused

from template import commit, git, status
from twobus.data import source
from twobus.models import tasks
from twobus.new.model import new_model

pytestmark = pytest.mark.slow

# A column of each type that a contract knows, and how DuckDB makes its values.
TYPES = {
    "code: str = pa.Field(unique=True)": "'c' || i",
    "free: str = pa.Field(nullable=True)": "if(i % 9 = 0, null, chr(97 + i % 5))",
    'listed: str = pa.Field(isin=["a", "b", "c"], nullable=True)': (
        "if(i % 11 = 0, null, chr(97 + i % 3))"
    ),
    "grade: int = pa.Field(isin=[1, 2, 3], nullable=True)": (
        "if(i % 13 = 0, null, 1 + i % 3)::bigint"
    ),
    "whole: int": "i::bigint",
    "gaps: int = pa.Field(nullable=True)": "if(i % 7 = 0, null, i * 17 % 23)::bigint",
    "small: dt.Int16": "(i % 100)::smallint",
    "real: float = pa.Field(nullable=True)": "if(i % 9 = 0, null, sin(i))::double",
    "exact: Annotated[dt.Decimal, 8, 2, True]": (
        "(25 + 10 * sin(i) + i * 7 % 5)::decimal(8, 2)"
    ),
    "flag: bool": "cos(i) + sin(i * 31) > 0",
    "maybe: bool = pa.Field(nullable=True)": "if(i % 10 = 0, null, i % 4 = 0)",
    "naive: Annotated[dt.Timestamp, None, 6, True] = pa.Field(nullable=True)": (
        "if(i % 12 = 0, null, timestamp '2026-01-01' + i * interval '7 hours')"
    ),
    'zoned: Annotated[dt.Timestamp, "UTC", 6, True]': (
        "(timestamp '2026-01-01' + i * interval '5 hours')::timestamptz"
    ),
    "day: dt.Date": "date '2026-01-01' + i",
    "clock: dt.Time": "time '10:00'",
    "label: str": "if(sin(i) + sin(i * 37) / 2 > 0, 'x', 'y')",
}
CONTRACT = '''"""A table with a column of each type."""

{imports}
import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A row of `wide`."""

    {columns}
'''
# Tables of other kinds; the last column is not always the target.
TABLES = {
    "numbers": {
        "a: float": "sin(i * 7)::double",
        "b: float": "cos(i * 3)::double",
        "y: float": "(3 * sin(i * 7) + cos(i * 3) + sin(i * i) / 4)::double",
    },
    "texts": {
        "letter: str = pa.Field(nullable=True)": (
            "if(i % 30 = 0, null, if(i % 2 = 0, 'I am very glad of it ', "
            "'this is no good at all ') || md5(i::varchar))"
        ),
        "churned: str": "if(i % 2 = 0 or i % 23 = 0, 'no', 'yes')",
    },
    "dated": {
        "order_id: int = pa.Field(unique=True)": "i::bigint",
        "customer_id: int": "(i % 97)::bigint",
        "ordered: dt.Date": "date '2026-01-01' + i // 2",
        "birth_date: dt.Date": "date '1990-01-01' + i * 17",
        "amount: float": "(20 + i * 7 % 31)::double",
        "late: bool": "i * 7 % 31 + sin(i) * 3 > 20",
        "late_reason: str = pa.Field(nullable=True)": (
            "if(i * 7 % 31 + sin(i) * 3 > 20, 'snow', null)"
        ),
    },
    "flags": {
        "one: bool": "i % 3 = 0",
        "two: bool = pa.Field(nullable=True)": "if(i % 20 = 0, null, i % 5 = 0)",
        "size: float": "sin(i)::double",
        "three: bool": "(i % 3 = 0) != (i % 17 = 0)",
    },
    "lists": {
        'colour: str = pa.Field(isin=["red", "green", "blue"])': (
            "['red', 'green', 'blue'][1 + i % 3]"
        ),
        'town: str = pa.Field(isin=[f"town {it}" for it in range(30)])': (
            "'town ' || i * 7 % 30"
        ),
        'grade: str = pa.Field(isin=["A", "B", "C", "D"])': (
            "['A', 'B', 'C', 'D'][1 + (i % 3 + if(i % 13 = 0, 1, 0))]"
        ),
    },
    "shops": {
        "shop_id: str": "'shop ' || i % 3",
        "day: dt.Date": "date '2026-01-01' + i // 3",
        "open_hours: float": "(6 + i * 7 % 5)::double",
        "exact: Annotated[dt.Decimal, 8, 2, True]": (
            "(20 * (1 + i % 3) + 3 * (i * 7 % 5) + sin(i))::decimal(8, 2)"
        ),
    },
    "single": {
        "day: dt.Date": "date '2026-01-01' + i",
        "sold: int = pa.Field(nullable=True)": (
            "if(i > 295, null, 50 + 20 * sin(i / 9) + i * 7 % 5)::bigint"
        ),
    },
    "table": {
        '名前: str = pa.Field(isin=["あ", "い"])': "['あ', 'い'][1 + i % 2]",
        'lambda_: float = pa.Field(alias="lambda")': "sin(i)::double",
        "it: float = pa.Field(alias='O\\'Brien \"x\" \\\\')": "cos(i * 3)::double",
        'class_: str = pa.Field(isin=["a", "b"], alias="class")': (
            "if(cos(i * 3) + sin(i) / 3 > 0, 'a', 'b')"
        ),
    },
}
TARGETS = {"dated": "late"}
WRITTEN = {
    "docs/models/{}.md",
    f"src/{PACKAGE}/models/{{}}.py",
    "tests/test_{}.py",
}


@pytest.fixture
def wide(models: Path) -> Path:
    """A project with models that has a table with a column of each type."""
    invent(models, "wide", TYPES)
    return commit(models)


def invent(project: Path, name: str, columns: Mapping[str, str]) -> None:
    """Write a table's contract, and its sample by the values of DuckDB."""
    tables = project / "src" / PACKAGE / "tables"
    told = "\n    ".join(columns)
    imports = "from typing import Annotated\n\n" * ("Annotated" in told)
    imports += "import ibis.expr.datatypes as dt" * ("dt." in told)
    text = CONTRACT.replace("{columns}", told).replace("{imports}", imports)
    (tables / f"{name}.py").write_text(text.replace('"""\n\n\n', '"""\n\n'), "utf-8")
    forget(project)
    called = source().contract(name).columns
    values = ", ".join(
        '{} as "{}"'.format(value, column.replace('"', '""'))
        for column, value in zip(called, columns.values(), strict=True)
    )
    numbers = "range(300) t(k), (select k::int as i)"
    file = str(tables / f"{name}.parquet").replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"copy (select {values} from {numbers}) to '{file}'")  # noqa: S608


def changed(project: Path) -> set[str]:
    """List the files of a project that git does not know yet."""
    listed = git("ls-files", "--others", "--exclude-standard", cwd=project)
    return {*listed.splitlines()}


def green(project: Path) -> None:
    """Demand that a project passes what its CI runs of the code."""
    for task in ("lint", "types", "test"):
        result = poe_inside(project, task)
        assert result.code == 0, result.output


def test_a_name_gives_a_model_with_an_invented_table(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_model("won_offers")
    said = capsys.readouterr().out
    files = {name.format("won_offers") for name in WRITTEN}
    files |= {f"src/{PACKAGE}/tables/won_offers.{kind}" for kind in ("csv", "py")}
    assert changed(models) == files
    assert all(name in said for name in files)
    assert "The table is invented" in said
    green(models)
    # Cards of other models are written nevertheless.
    with pytest.raises(SystemExit, match="won_offers was never trained"):
        tasks.card()
    assert (models / "reports" / "models" / "penguin_sex.html").is_file()
    # What it says comes next does.
    copy, train = re.findall(r"^  (?:cp|uv run poe) (.+)$", said, re.MULTILINE)
    shutil.copy(*(models / name for name in copy.split()))
    assert train == "train won_offers"
    tasks.train(["won_offers"])


@pytest.mark.whole
def test_the_first_model_of_a_project_is_written_too(small: Small) -> None:
    project = small(kind="model", notebooks="none", worked_example=False)
    new_model("won_offers")
    green(project)


@pytest.mark.whole
def test_a_table_of_every_type_can_be_learned_from(
    wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A text, the last column; a number; and what is true or false.
    wanted = {"a_label": "", "a_number": "real", "a_flag": "flag", "a_maybe": "maybe"}
    for name, target in wanted.items():
        new_model(name, "wide", target)
        assert not (wide / "src" / PACKAGE / "tables" / f"{name}.py").exists()
    for task in ("lint", "types"):
        result = poe_inside(wide, task)
        assert result.code == 0, result.output
    forget(wide)
    monkeypatch.setenv("DATA_URL", "samples")
    tasks.train([*wanted])
    texts = {name: (wide / MODELS / f"{name}.py").read_text("utf-8") for name in wanted}
    assert "RandomForestClassifier" in texts["a_label"]
    assert 'target="label"' in texts["a_label"]
    assert "RandomForestRegressor" in texts["a_number"]
    for text in texts.values():
        unused = text.partition("# Not used: ")[2].partition("inputs=")[0]
        assert all(it in unused for it in ("code", "naive", "zoned", "day", "clock"))


def test_rows_tell_more_than_an_invented_sample(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {"amount: float": "sin(i)::double", "spent: bool": "i % 2 = 0"}
    invent(models, "visits", columns | {"left: str": "'left ' || i % 7"})
    new_model("before", "visits", "spent")
    told = capsys.readouterr()
    assert "It goes by the sample of the table: " in told.out
    assert "No input" not in told.out
    rows = [f"{it / 7},{it % 2 == 0},{it % 2}" for it in range(100)]
    file = models / "data" / "raw" / "visits.csv"
    file.write_text("\n".join(["amount,spent,left", *rows]) + "\n", "utf-8")
    new_model("after", "visits", "spent")
    told = capsys.readouterr()
    assert "the sample" not in told.out
    assert "No input: left tells spent, as if known after it." in told.out


@pytest.fixture
def kinds(models: Path) -> Path:
    """A project with tables of many kinds, and a model of each."""
    for name, columns in TABLES.items():
        invent(models, name, columns)
    commit(models)
    for name in TABLES:
        new_model(f"of_{name}", name, TARGETS.get(name, ""))
    return models


@pytest.mark.whole
def test_models_of_tables_of_every_kind_are_green(kinds: Path) -> None:
    green(kinds)


def test_a_model_of_a_tables_name_learns_from_that_table(models: Path) -> None:
    new_model("penguins", target="species")
    text = (models / MODELS / "penguins.py").read_text("utf-8")
    assert 'table="penguins"' in text
    assert {name for name in changed(models) if "tables" in name} == set()


# Each with words of its sentence.
REFUSED = {
    ("Penguins",): "Name it by a-z",
    ("a__b",): "Name it by a-z",
    ("1st",): "Name it by a-z",
    ("ends_",): "Name it by a-z",
    ("été",): "Name it by a-z",
    ("a/b",): "Name it by a-z",
    ("a" * 41,): "at most 40",
    ("lambda",): "means something to Python",
    ("json",): "means something to Python",
    ("con",): "means something to Python",
    ("test_penguins",): "such as penguins_model",
    ("penguin_sex",): "penguin_sex.py is there already",
    ("data",): "tests/test_data.py is there already",
    ("written",): "docs/models/written.md is there already",
    ("fresh", "nowhere"): "There is no table 'nowhere'",
    ("fresh", "wide", "nothing"): "no column 'nothing'",
    ("fresh", "wide", "day"): "'day' is neither a number",
    ("fresh", "wide", "code"): "'code' is neither a number",
    ("fresh", "", "species"): "Name the table",
}


def test_what_cannot_be_written_is_refused_with_nothing_written(wide: Path) -> None:
    (wide / "docs" / "models" / "written.md").write_text("# written\n", "utf-8")
    commit(wide)
    for words, sentence in REFUSED.items():
        assert sentence in refused(new_model, *words), words
        assert status(wide) == "", words


def test_a_file_that_cannot_be_written_takes_the_others_back(models: Path) -> None:
    pages = models / "docs" / "models"
    for page in pages.iterdir():
        page.unlink()
    pages.rmdir()
    pages.write_text("In the way\n", "utf-8")
    commit(models)
    assert "docs/models" in refused(new_model, "won_offers")
    assert status(models) == ""
