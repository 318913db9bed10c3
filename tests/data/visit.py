"""Is something bought in this visit?"""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from twobus.models import Model


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Take apart what is no number.

    Args:
        rows: The inputs.

    Returns:
        The same rows, as numbers and short texts.
    """
    return pd.DataFrame(
        {
            "channel": rows["channel"].astype(object),
            "city": rows["city"].fillna("nowhere"),
            "prefix": rows["code"].str[:2],
            "items": rows["items"],
            "age": rows["age"],
            "price": rows["price"],
            "member": rows["member"].astype(int),
            "agreed": rows["agreed"],
            "born": rows["born"].dt.year,
            "hour": rows["at"].dt.hour,
            "weekday": rows["zoned"].dt.day_of_week,
            "late": (rows["zoned"] - rows["at"]).dt.total_seconds(),
        },
        index=rows.index,
    )


MODEL = Model(
    table="visits",
    target="bought",
    inputs=[
        "channel",
        "city",
        "code",
        "items",
        "age",
        "price",
        "member",
        "agreed",
        "born",
        "at",
        "zoned",
    ],
    features=features,
    estimator=make_pipeline(
        make_column_transformer(
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ["channel", "city", "prefix"],
            ),
            remainder="passthrough",
            verbose_feature_names_out=False,
        ),
        HistGradientBoostingClassifier(min_samples_leaf=5),
    ),
    key=["visit"],
    metrics={"accuracy": 0.5},
    trusted=[
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    ],
)
