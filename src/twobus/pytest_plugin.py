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
        "each input has a contract",
        "each feature makes predictions better",
        "no feature costs more work than it is worth",
        "features follow the rules of your organisation",
        "personal data is protected",
        "a new feature can be added quickly",
        "the code of features is tested",
    ],
    "model": [
        "only committed code can serve",
        "a better score means better results in use",
        "settings are tuned",
        "it is known how fast a model gets worse with age",
        "a simpler model is not better",
        "a model is good enough in each important group",
        "inputs that must not matter do not matter",
    ],
    "infrastructure": [
        "training twice gives the same model",
        "each model's code has tests",
        "all steps from data to prediction are tested together",
        "scores are checked before a version serves",
        "a single prediction can be followed step by step",
        "a new version serves a few requests before it serves all",
        "the version before can be brought back",
    ],
    "monitoring": [
        "a change of a package is noticed",
        "serving refuses data that training would refuse",
        "training and serving compute the same features",
        "a model that is too old is noticed",
        "predictions are numbers, also at extremes",
        "a slower or larger model is noticed",
        "worse predictions in use are noticed",
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
    if report.when == "setup":
        # What a fixture has said of the test is not in its report by itself.
        report.user_properties += [
            it for it in item.user_properties if it not in report.user_properties
        ]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the points of each section, and what nobody has automated."""
    proven: dict[str, set[str]] = defaultdict(set)
    untested = set[str]()
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            said = getattr(report, "user_properties", [])
            reasons = [reason for key, reason in said if key == "untested"]
            untested.update(
                f"{report.nodeid.rpartition('::')[2]}: {it}" for it in reasons
            )
            for key, item in said:
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
            f"{section}: tests prove {points[-1]} of {len(items)}; yours to check:"
        )
        for item in left:
            terminalreporter.write_line(f"  - {item}")
    if untested:
        terminalreporter.write_line("left out by their models:")
    for line in sorted(untested):
        terminalreporter.write_line(f"  - {line}")
    terminalreporter.write_line(
        f"The score is the lowest of these numbers: {min(points)}. docs/MODELS.md says "
        "what it is good for."
    )
