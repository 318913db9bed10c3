"""What `uv run poe new-model` writes, but for what depends on names and columns."""

from string import Template

MODEL = Template('''\
"""What is `$target`, told from what else a row of `$table` says?

Write here what the answer is for, and why these inputs should tell.
"""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from twobus.models import Model

$columns


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the inputs: add here what they say together.

    Args:
        rows: The inputs, one case a row.

    Returns:
        The same rows.
    """
    return rows


MODEL = Model(
    table="$table",
    target="$target",
    $not_used
    inputs=[$inputs],
    features=features,
    estimator=make_pipeline(
        make_column_transformer($steps),
        $estimator,
    ),
    search={"$setting": [0.1, 1, 10]},
    $key
    # Guessing gives $guess: what must it reach before people rely on it?
    metrics={"$metric": $needed},
    trusted=["numpy.dtype"],
)
''')

TEST = Template('''\
"""The features of a row depend on nothing but that row."""

import pandas as pd
$others
${own}from $package.models.$name import MODEL, features


def test_a_row_has_the_same_features_alone_as_among_others() -> None:
    rows = conform(read(MODEL.table).to_pandas().head(10), MODEL)
    alone = [features(rows.iloc[[position]]) for position in range(len(rows))]
    pd.testing.assert_frame_equal(pd.concat(alone), features(rows))
''')

PAGE = Template("""\
# $name

Tells `$target` from what else a row of `$table` says.

## Intended use

<!-- Who decides what by these predictions, about whom or what, and where? -->

## Not for

<!-- For which decisions, people or places are they not meant? -->

## Limits

<!-- What is missing in the data, or wrong with it, and whom does that hurt? -->
""")

TABLE = Template('''\
"""Offers that were invented for a first model: replace them by a table of yours.

Write here where the data comes from, and keep a small sample of it beside this file.
"""

import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A row of `$name`: an offer, and what became of it; amounts in euros."""

    offer: str = pa.Field(unique=True)
    channel: str = pa.Field(isin=["phone", "shop", "web"])
    amount: float = pa.Field(ge=0, nullable=True)
    outcome: str = pa.Field(isin=["lost", "won"])

    class Config:
        """A column that is not listed here breaks the contract."""

        strict = True
''')
