"""Visits to a shop: one column of each kind that a contract can have."""

from typing import Annotated

import ibis.expr.datatypes as dt
import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A row of `visits`."""

    visit: int = pa.Field(unique=True)
    channel: str = pa.Field(isin=["shop", "web", "a|b <i>"])
    city: str = pa.Field(nullable=True, str_length={"min_value": 1, "max_value": 40})
    code: str = pa.Field(str_matches="^[A-Z]{2}[0-9]+$")
    items: int = pa.Field(ge=0, le=1_000)
    age: int = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 150})
    price: float = pa.Field(
        nullable=True,
        in_range={
            "min_value": 0,
            "max_value": 500,
            "include_min": False,
            "include_max": False,
        },
    )
    member: bool
    agreed: bool = pa.Field(nullable=True)
    born: dt.Date = pa.Field(nullable=True)
    at: Annotated[dt.Timestamp, None, 6, True]
    zoned: Annotated[dt.Timestamp, "UTC", 6, True] = pa.Field(nullable=True)
    bought: bool

    class Config:
        """A column that is not listed here breaks the contract."""

        strict = True
