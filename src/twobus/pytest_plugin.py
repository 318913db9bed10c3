"""Say at the end of a test run how far the models are from a full ML Test Score.

After E. Breck, S. Cai, E. Nielsen, M. Salib and D. Sculley, 2017, The ML Test Score: A
Rubric for ML Production Readiness (doi:10.1109/BigData.2017.8258038). Tests name the
item that they prove by `@pytest.mark.ml_test_score("model 5")`. Nothing is said, nor
imported, where no test does.
"""

from collections import defaultdict
from collections.abc import Generator

import pytest

# So that a failing check shows what it has compared, as in a test file.
pytest.register_assert_rewrite("twobus.models.checks", "twobus.library.checks")

ITEMS = {
    "data": [
        "a schema says what to expect of each feature",
        "each feature is of use",
        "no feature costs more than it gives",
        "features keep to requirements of the organisation",
        "personal data is protected",
        "a new feature can be added quickly",
        "the code of features is tested",
    ],
    "model": [
        "each specification is reviewed and submitted",
        "offline metrics follow what matters online",
        "settings are tuned",
        "it is known how fast a model becomes stale",
        "a simpler model is not better",
        "quality suffices on important slices",
        "inclusion is considered",
    ],
    "infrastructure": [
        "training is reproducible",
        "specifications are unit tested",
        "the whole pipeline is tested together",
        "quality is validated before serving",
        "a single prediction can be debugged",
        "a new version is tried on a few before it serves all",
        "a version can be rolled back",
    ],
    "monitoring": [
        "a changed dependency is noticed",
        "serving refuses data that training would refuse",
        "training and serving compute the same features",
        "a stale model is noticed",
        "predictions are numbers, also at extremes",
        "a slower or larger model is noticed",
        "worse predictions are noticed",
    ],
}


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "ml_test_score(item): which item this proves")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note which item a test proves."""
    report = yield
    marks = item.iter_markers("ml_test_score")
    report.user_properties += [("ml_test_score", mark.args[0]) for mark in marks]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the points of each section, and what nobody has automated."""
    proven: dict[str, set[str]] = defaultdict(set)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            for key, item in getattr(report, "user_properties", []):
                if key == "ml_test_score":
                    proven[item].add(outcome)
    if all(outcomes == {"skipped"} for outcomes in proven.values()):
        # No project of models, or none that has a model yet.
        return
    done = {item for item, outcomes in proven.items() if outcomes == {"passed"}}
    terminalreporter.section("ML Test Score")
    points = []
    for section, items in ITEMS.items():
        left = [
            item
            for number, item in enumerate(items, 1)
            if f"{section} {number}" not in done
        ]
        points.append(len(items) - len(left))
        terminalreporter.write_line(
            f"{section}: {points[-1]} of {len(items)}; by hand: {', '.join(left)}"
        )
    terminalreporter.write_line(f"The score is the least of these: {min(points)}.")
