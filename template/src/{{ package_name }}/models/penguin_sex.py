"""Is this penguin a male? Told from what can be measured in the field.

DNA tells for certain, but needs blood and a laboratory. Gorman, Williams and Fraser
(2014, doi:10.1371/journal.pone.0090081) asked the same of the same birds.
"""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from twobus.models import Model

LENGTHS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the shape of the bill, which differs more between sexes than its size.

    Args:
        rows: The inputs, one bird a row.

    Returns:
        The same rows and columns, and `bill_shape`: the length as a share of length
        and depth, so that no measure makes it infinite.
    """
    length, depth = rows["bill_length_mm"], rows["bill_depth_mm"]
    return rows.assign(bill_shape=length / (length + depth))


MODEL = Model(
    table="penguins",
    target="sex",
    inputs=["species", *LENGTHS, "body_mass_g"],
    features=features,
    estimator=make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), ["species"]),
            (
                make_pipeline(SimpleImputer(), StandardScaler()),
                [*LENGTHS, "body_mass_g", "bill_shape"],
            ),
        ),
        LogisticRegression(C=10),
    ),
    search={"logisticregression__C": [0.1, 1, 10, 100]},
    # Birds of the last season are held out: the model is for seasons to come.
    time="year",
    metrics={"accuracy": 0.8, "neg_log_loss": -0.45},
    slices={"species": 0.7},
    rising=["body_mass_g"],
)
