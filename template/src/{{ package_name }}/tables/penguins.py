"""Adult penguins near Palmer Station, Antarctica, 2007 to 2009.

One row is one bird, measured once. Source: Gorman, Williams and Fraser (2014),
doi:10.1371/journal.pone.0090081; CC0, no rights reserved.
"""

import pandera.ibis as pa

OWNER = "Palmer Station Antarctica LTER"
UPDATED = "no more: the study ended in 2009"
CSV_OPTIONS = {"nullstr": "NA"}


class Contract(pa.DataFrameModel):
    """A row of `penguins`; lengths in millimetres, masses in grams."""

    species: str = pa.Field(isin=["Adelie", "Chinstrap", "Gentoo"])
    island: str = pa.Field(isin=["Biscoe", "Dream", "Torgersen"])
    bill_length_mm: float = pa.Field(gt=0, nullable=True)
    bill_depth_mm: float = pa.Field(gt=0, nullable=True)
    flipper_length_mm: int = pa.Field(gt=0, nullable=True)
    body_mass_g: int = pa.Field(
        in_range={"min_value": 1_000, "max_value": 10_000}, nullable=True
    )
    sex: str = pa.Field(
        isin=["female", "male"],
        nullable=True,
        description="from DNA; missing where that failed",
    )
    year: int = pa.Field(in_range={"min_value": 2007, "max_value": 2009})

    class Config:
        """A column that is not listed here breaks the contract."""

        strict = True
