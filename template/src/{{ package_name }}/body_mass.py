"""How much heavier are male penguins than females of their species?"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from scipy.special import stdtrit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis
    from matplotlib.axes import Axes

GRAMS_PER_KILOGRAM = 1_000


@dataclass(frozen=True)
class Group:
    """The body masses of some birds.

    Attributes:
        birds: How many they are.
        mean_kg: Their mean, in kilograms.
        variance_kg2: Their variance as a sample, in squared kilograms.
    """

    birds: int
    mean_kg: float
    variance_kg2: float


@dataclass(frozen=True)
class Difference:
    """By how much the males of a species are heavier than its females.

    Attributes:
        species: The species.
        kg: Mean mass of the males less that of the females, in kilograms.
        low_kg: The lower end of the confidence interval.
        high_kg: The upper end of the confidence interval.
    """

    species: str
    kg: float
    low_kg: float
    high_kg: float


def comparable(penguins: ibis.Table) -> ibis.Table:
    """Keep the birds whose sex and body mass are both known.

    Args:
        penguins: The table `penguins`.

    Returns:
        Its rows without a missing `sex` or `body_mass_g`; the same columns.
    """
    return penguins.filter(penguins.sex.notnull(), penguins.body_mass_g.notnull())


def mass_by_sex(penguins: ibis.Table) -> ibis.Table:
    """Summarise body mass by species and sex, in the database.

    Args:
        penguins: The table `penguins`.

    Returns:
        One row for each species and sex, with the columns `species`, `sex`,
        `birds`, `mean_kg` and `variance_kg2`, in the order of the first two.
    """
    birds = comparable(penguins)
    kg = birds.body_mass_g / GRAMS_PER_KILOGRAM
    return (
        birds.group_by("species", "sex")
        .aggregate(birds=kg.count(), mean_kg=kg.mean(), variance_kg2=kg.var())
        .order_by("species", "sex")
    )


def mass_differences(
    penguins: ibis.Table, confidence: float = 0.95
) -> list[Difference]:
    """Estimate for each species how much heavier males are than females.

    Args:
        penguins: The table `penguins`, with two weighed birds of each sex and species.
        confidence: The share of such intervals that cover the truth, from 0 to 1.

    Returns:
        One estimate a species, in alphabetical order.
    """
    groups: dict[str, dict[str, Group]] = {}
    for row in mass_by_sex(penguins).to_pyarrow().to_pylist():
        species, sex = row.pop("species"), row.pop("sex")
        groups.setdefault(species, {})[sex] = Group(**row)
    differences = []
    for species, group in groups.items():
        kg = group["male"].mean_kg - group["female"].mean_kg
        margin = welch_margin(group["male"], group["female"], confidence)
        differences.append(Difference(species, kg, kg - margin, kg + margin))
    return differences


def welch_margin(a: Group, b: Group, confidence: float) -> float:
    """Return half the width of Welch's interval for a difference of two means.

    Unlike Student's, it does not assume that both groups vary alike. Source: B. L.
    Welch, 1947, Biometrika 34, 28-35 (doi:10.1093/biomet/34.1-2.28), with degrees of
    freedom after F. E. Satterthwaite, 1946, Biometrics Bulletin 2, 110-114.

    Args:
        a: One group, of at least two birds.
        b: The other group, of at least two birds.
        confidence: The share of intervals that cover the true difference.

    Returns:
        The margin on either side of the difference, in kilograms.
    """
    a_error = a.variance_kg2 / a.birds
    b_error = b.variance_kg2 / b.birds
    degrees_of_freedom = (a_error + b_error) ** 2 / (
        a_error**2 / (a.birds - 1) + b_error**2 / (b.birds - 1)
    )
    quantile = stdtrit(degrees_of_freedom, (1 + confidence) / 2)
    return float(quantile) * sqrt(a_error + b_error)


def draw_differences(differences: Sequence[Difference], axes: Axes) -> None:
    """Draw each species' difference in mass with its confidence interval.

    Args:
        differences: The estimates.
        axes: Where to draw them, one row each.
    """
    axes.errorbar(
        x=[one.kg for one in differences],
        y=[one.species for one in differences],
        xerr=[one.kg - one.low_kg for one in differences],
        fmt="o",
        capsize=4,
    )
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_xlabel("Males heavier than females by (kg)")
    axes.margins(y=0.3)
