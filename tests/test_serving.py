"""A server answers what it understands, says what it does not, and never falls."""

import gzip
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser import Opened, visited
from modelled import PATIENCE, Nursery, Server, nursery, server
from playwright.sync_api import Browser, expect

from template import commit, lend, run

pytestmark = pytest.mark.slow

NAME = "penguin_sex"
CANARY = "Zanzibar-4711"
ROW = {
    "species": "Adelie",
    "bill_length_mm": 36.0,
    "bill_depth_mm": 17.8,
    "flipper_length_mm": 195,
    "body_mass_g": 3450,
}
# A row of which a part is replaced by what `json` would not write.
TEXT = json.dumps({"rows": [ROW]})
MEGABYTE = 2**20


def with_(**values: Any) -> bytes:
    return json.dumps({"rows": [ROW, ROW | values]}).encode()


def raw(value: str) -> bytes:
    return TEXT.replace("36.0", value).encode()


# What is sent, its status, and the row and field that the answer names.
BODIES: dict[str, tuple[Any, int, Any, Any]] = {
    "empty": (b"", 422, None, None),
    "only spaces": (b"   ", 422, None, None),
    "not JSON": (f"species={CANARY}".encode(), 422, None, None),
    "half of it": (TEXT.encode()[:40], 422, None, None),
    "two of it": (TEXT.encode() * 2, 422, None, None),
    "single quotes": (TEXT.replace('"', "'").encode(), 422, None, None),
    "a comma too many": (TEXT.replace("}]", "},]").encode(), 422, None, None),
    "Latin-1": (TEXT.replace("Adelie", "Adélie").encode("latin-1"), 400, None, None),
    "bytes that are no text": (bytes(range(128, 256)), 400, None, None),
    "cut within a letter": (b'{"rows": "\xc3', 400, None, None),
    "gzip": (gzip.compress(TEXT.encode()), 400, None, None),
    "null bytes": (b"\0" * 100, 422, None, None),
    "a null byte within": (TEXT.replace("Ad", "Ad\0").encode(), 422, None, None),
    "null": (b"null", 422, None, None),
    "a number": (b"4711", 422, None, None),
    "a text": (json.dumps(CANARY).encode(), 422, None, None),
    "an array": (json.dumps([ROW]).encode(), 422, None, None),
    "a row without rows": (json.dumps(ROW).encode(), 422, None, "rows"),
    "no rows": (b'{"rows": []}', 422, None, "rows"),
    "rows that are null": (b'{"rows": null}', 422, None, "rows"),
    "rows that are an object": (b'{"rows": {"0": {}}}', 422, None, "rows"),
    "rows that are a text": (b'{"rows": "Zanzibar-4711"}', 422, None, "rows"),
    "more beside the rows": (
        json.dumps({"rows": [ROW], "more": CANARY}).encode(),
        422,
        None,
        "more",
    ),
    "a row that is null": (json.dumps({"rows": [ROW, None]}).encode(), 422, 1, None),
    "a row that is an array": (b'{"rows": [[1, 2, 3]]}', 422, 0, None),
    "a row that is a number": (b'{"rows": [4711]}', 422, 0, None),
    "an empty row": (b'{"rows": [{}]}', 422, 0, "species"),
    "a missing field": (raw("1").replace(b"bill_depth_mm", b"x"), 422, 0, None),
    "a field too many": (with_(island=CANARY), 422, 1, "island"),
    "a lone surrogate as a value": (with_(species="\ud800"), 422, 1, None),
    "a lone surrogate as a name": (with_(**{"\udfff": 1}), 422, 1, None),
    "a name of a megabyte": (with_(**{"n" * MEGABYTE: 1}), 422, 1, None),
    "a value of a megabyte": (with_(species="n" * MEGABYTE), 422, 1, "species"),
    "another case": (with_(species="adelie"), 422, 1, "species"),
    "an unknown species": (with_(species=CANARY), 422, 1, "species"),
    "a species that is null": (with_(species=None), 422, 1, "species"),
    "a species that is a number": (with_(species=4711), 422, 1, "species"),
    "a species that is an array": (with_(species=["Adelie"]), 422, 1, "species"),
    "a length that is a text": (with_(bill_length_mm="36.0"), 422, 1, "bill_length_mm"),
    "a length that is true": (with_(bill_length_mm=True), 422, 1, "bill_length_mm"),
    "a length that is an array": (with_(bill_length_mm=[36]), 422, 1, "bill_length_mm"),
    "a length that is an object": (with_(bill_length_mm={}), 422, 1, "bill_length_mm"),
    "a length below its limit": (with_(bill_length_mm=-4711), 422, 1, "bill_length_mm"),
    "NaN": (raw("NaN"), 422, 0, "bill_length_mm"),
    "infinity": (raw("-Infinity"), 422, 0, "bill_length_mm"),
    "1e400": (raw("1e400"), 422, 0, "bill_length_mm"),
    "a number of 400 digits": (raw("4711" * 100), 422, 0, "bill_length_mm"),
    "a number of 5000 digits": (raw("4711" * 1250), 400, None, None),
    "a mass that is a text": (with_(body_mass_g="3450"), 422, 1, "body_mass_g"),
    "a mass with a fraction": (with_(body_mass_g=3450.5), 422, 1, "body_mass_g"),
    "a mass that is huge": (with_(body_mass_g=10**30), 422, 1, "body_mass_g"),
    "a flipper beyond 64 bits": (
        with_(flipper_length_mm=2**63),
        422,
        1,
        "flipper_length_mm",
    ),
    "deep arrays": (b"[" * 100_000, 400, None, None),
    "deep objects": (b'{"rows":' * 100_000, 400, None, None),
    "deep and closed": (b'{"rows":' + b"[" * 900 + b"]" * 900 + b"}", 422, 0, None),
    "10,001 rows": (json.dumps({"rows": [ROW] * 10_001}).encode(), 422, None, None),
    "10,000 wrong rows": (json.dumps({"rows": [{}] * 10_000}).encode(), 422, 0, None),
    "17 MiB": (b" " * (17 * MEGABYTE), 413, None, None),
    "170 MiB": (b" " * (170 * MEGABYTE), 413, None, None),
}


@pytest.fixture(scope="module")
def made(
    models_ready: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nursery]:
    """The project, with a second model that was never promoted."""
    with lend(models_ready):
        models = next(models_ready.glob("src/*/models"))
        source = (models / f"{NAME}.py").read_text("utf-8")
        (models / "unpromoted.py").write_text(source, "utf-8")
        commit(models_ready)
        with nursery(models_ready, tmp_path_factory.mktemp("outputs")) as children:
            yield children


@pytest.fixture(scope="module")
def served(made: Nursery) -> Iterator[Server]:
    """A server that many tests share; none may stop it, or find a failure of it."""
    with server(made) as running:
        yield running
        assert running.get("/health").status_code == 200
        assert not [line for line in running.log() if line.get("status") == 500]


def refusal(response: httpx.Response) -> dict[str, Any]:
    """Return the first reason of a refusal, which has the form of all of them."""
    assert response.headers["content-type"] == "application/json"
    (first, *_) = response.json()["detail"]
    assert first.keys() == {"row", "field", "problem"}
    assert first["problem"]
    return dict(first)


@pytest.mark.parametrize("which", BODIES)
def test_a_bad_body_is_refused_with_its_place_and_without_its_values(
    which: str, served: Server
) -> None:
    body, status, row, field = BODIES[which]
    response = served.post(NAME, body)
    assert response.status_code == status
    said = refusal(response)
    assert said["row"] == row
    if field:
        assert said["field"] == field
    log = served.task.output.read_text("utf-8")
    for told in (response.text, log):
        assert len(response.content) < 20_000
        assert CANARY not in told
        assert "47114711" not in told
        assert "n" * 200 not in told


def test_there_are_fifty_bad_bodies() -> None:
    assert len(BODIES) >= 50


def test_a_body_in_pieces_that_grows_too_large_is_refused(served: Server) -> None:
    pieces = (b" " * MEGABYTE for _ in range(40))
    url = f"{served.url}/models/{NAME}/predict"
    response = httpx.post(url, content=pieces, timeout=PATIENCE)
    assert response.status_code == 413
    refusal(response)


def test_ten_thousand_rows_are_answered(served: Server) -> None:
    response = served.post(NAME, {"rows": [ROW] * 10_000})
    assert response.status_code == 200
    assert len(response.json()["predictions"]) == 10_000


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain"])
def test_json_is_read_whatever_it_is_called(kind: str, served: Server) -> None:
    response = served.post(NAME, {"rows": [ROW]}, **{"Content-Type": kind})
    assert response.status_code == 200


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_other_encodings_of_unicode_never_fail(encoding: str, served: Server) -> None:
    response = served.post(NAME, TEXT.encode(encoding))
    assert response.status_code in (200, 400, 422)


def test_fields_may_come_in_any_order_and_whole_numbers_as_floats(
    served: Server,
) -> None:
    usual = served.post(NAME, {"rows": [ROW]}).json()
    turned = dict(reversed([*(ROW | {"body_mass_g": 3450.0}).items()]))
    assert served.post(NAME, {"rows": [turned]}).json() == usual


def test_a_measure_that_is_missing_is_no_obstacle(served: Server) -> None:
    row = ROW | {"bill_length_mm": None, "body_mass_g": None}
    assert served.post(NAME, {"rows": [row]}).status_code == 200


def test_a_row_that_cannot_be_predicted_is_found_without_its_values(
    made: Nursery,
) -> None:
    code = f"""
from twobus.models import rows
class Never:
    def predict(self, X):
        if (X["body_mass_g"] == 3451).any():
            raise ValueError({CANARY!r})
        return X["body_mass_g"].to_numpy()
import pandas as pd
model = serving.find({NAME!r})
table = pd.DataFrame([{ROW!r}] * 1000)
table.loc[637, "body_mass_g"] = 3451
rows.predict(model, Never(), table)
"""
    result = made.run(code)
    assert "RowError: Row 637 cannot be predicted" in result.output
    assert CANARY not in result.output.split("RowError")[1]


def test_an_unknown_model_is_not_found(served: Server) -> None:
    response = served.post("walrus", {"rows": [ROW]})
    assert response.status_code == 404
    assert refusal(response)["problem"] == "There is no model 'walrus'."


def test_a_model_without_a_promoted_version_is_unavailable(served: Server) -> None:
    response = served.post("unpromoted", {"rows": [ROW]})
    assert response.status_code == 503
    said = refusal(response)["problem"]
    assert said == "No version of unpromoted is promoted yet."
    assert served.get("/ready").status_code == 200


def test_a_wrong_method_is_refused(served: Server) -> None:
    response = httpx.put(f"{served.url}/models/{NAME}/predict", json={})
    assert response.status_code == 405
    refusal(response)


def test_the_models_say_which_version_answers(served: Server) -> None:
    known = {model["name"]: model for model in served.get("/models").json()}
    assert known.keys() == {NAME, "unpromoted"}
    assert known[NAME]["version"] == 1
    assert known[NAME]["facts"]["dirty"] is False
    assert known["unpromoted"]["version"] is None
    assert served.post(NAME, {"rows": [ROW]}).json()["version"] == 1


def test_a_request_keeps_its_id_and_the_log_has_it_with_the_version(
    served: Server,
) -> None:
    answer = served.post(NAME, {"rows": [ROW]}, **{"X-Request-Id": "a-1.b_2"})
    assert answer.headers["x-request-id"] == "a-1.b_2"
    served.task.wait_for('"a-1.b_2"')
    (line,) = [line for line in served.log() if line.get("id") == "a-1.b_2"]
    assert (line["model"], line["version"], line["status"]) == (NAME, 1, 200)
    assert line["milliseconds"] > 0


@pytest.mark.parametrize("given", ["", 'a"b', "é", "x" * 65, "a b"])
def test_an_id_that_is_none_is_replaced(given: str, served: Server) -> None:
    response = served.post(
        NAME,
        {"rows": [ROW]},
        **{"X-Request-Id": given.encode("latin-1")},  # type: ignore[arg-type]
    )
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


def test_schemathesis_finds_nothing(served: Server, tmp_path: Path) -> None:
    result = run(
        *["st", "run", f"{served.url}/openapi.json", "--checks", "all"],
        *["--max-examples", "20", "--seed", "1", "--generation-database", "none"],
        *["--continue-on-failure", "--warnings", "off"],
        # Nothing but 503 can be said there.
        *["--exclude-path", "/models/unpromoted/predict"],
        cwd=tmp_path,
    )
    assert result.code == 0, result.output
    assert "No issues found" in result.output


def test_the_description_shows_limits_choices_and_an_example(served: Server) -> None:
    schemas = served.get("/openapi.json").json()["components"]["schemas"]
    row = schemas[f"{NAME}_row"]
    mass = row["properties"]["body_mass_g"]["anyOf"][0]
    assert (mass["minimum"], mass["maximum"]) == (1000, 10_000)
    assert row["properties"]["species"]["enum"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert row["example"].keys() == ROW.keys()


def test_a_client_that_goes_away_does_no_harm(served: Server) -> None:
    head = f"POST /models/{NAME}/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n"
    for part in ("GET", head, head + "\r\n{", "\0\0\0\r\n\r\n", "GET / HTTP/9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", served.port)) as line:
            line.sendall(part.encode())
    assert served.post(NAME, {"rows": [ROW]}).status_code == 200


def test_an_answer_is_not_held_back_by_the_system(served: Server) -> None:
    waits = []
    with httpx.Client(base_url=served.url) as client:
        for _ in range(20):
            start = time.perf_counter()
            assert client.get("/health").status_code == 200
            waits.append(time.perf_counter() - start)
    # Nagle's algorithm and a confirmation that is delayed make 40 ms of each.
    assert min(waits) < 0.03


# A request that takes its time, in a server of its own.
SLOW = """
import time
fast = serving.predict
def slow(*given):
    time.sleep(2)
    return fast(*given)
serving.predict = slow
"""


def in_flight(running: Server, answers: list[httpx.Response]) -> threading.Thread:
    """Send a request that takes a while, and return once it is being answered."""

    def send() -> None:
        with suppress(httpx.TransportError):
            answers.append(running.post(NAME, {"rows": [ROW]}))

    thread = threading.Thread(target=send)
    thread.start()
    time.sleep(0.7)
    return thread


def test_a_request_in_flight_is_answered_before_the_server_ends(made: Nursery) -> None:
    answers: list[httpx.Response] = []
    with server(made, SLOW) as running:
        thread = in_flight(running, answers)
        result = running.task.stop(signal.SIGTERM)
        thread.join()
    assert result.code in (0, -signal.SIGTERM)
    assert [answer.status_code for answer in answers] == [200]
    assert "Traceback" not in result.output


def test_a_server_that_is_killed_serves_again(made: Nursery) -> None:
    answers: list[httpx.Response] = []
    with server(made, SLOW) as running:
        thread = in_flight(running, answers)
        running.task.stop(signal.SIGKILL)
        thread.join()
    assert answers == []
    with server(made) as again:
        assert again.post(NAME, {"rows": [ROW]}).json()["version"] == 1


def test_a_new_promotion_is_served_after_a_restart(made: Nursery) -> None:
    with server(made) as running:
        made.good(f"tasks.train([{NAME!r}])")
        newest = int(made.good(f"print(registry.versions({NAME!r})[0])"))
        made.good(f"tasks.promote({NAME!r}, {newest})")
        assert running.post(NAME, {"rows": [ROW]}).json()["version"] == 1
    with server(made) as again:
        assert again.get("/models").json()[0]["version"] == newest
        assert again.post(NAME, {"rows": [ROW]}).json()["version"] == newest
    made.good(f"tasks.rollback({NAME!r})")


@pytest.mark.parametrize("port", [-1, 65_536, 10**9])
def test_a_port_that_cannot_be_is_refused_in_a_sentence(
    port: int, made: Nursery
) -> None:
    said = made.refused(f"serving.serve(port={port})")
    assert said.startswith(f"Nothing can listen at 127.0.0.1, port {port}")


def test_a_port_that_is_taken_is_refused_in_a_sentence(made: Nursery) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = made.refused(f"serving.serve(port={port})")
    assert "in use" in said
    assert "--port" in said


def test_a_port_that_is_not_allowed_is_refused_in_a_sentence(made: Nursery) -> None:
    drop = "os.setuid(65534)\n" if os.getuid() == 0 else ""
    lowest = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if lowest.exists() and int(lowest.read_text()) <= 80:
        pytest.skip("every port is allowed here")
    assert "ermission denied" in made.refused(f"{drop}serving.serve(port=80)")


def test_an_address_that_is_not_ours_is_refused_in_a_sentence(made: Nursery) -> None:
    for host in ("192.0.2.1", "no-such-host.invalid", "::1::", "é" * 70):
        assert host in made.refused(f"serving.serve(port=0, host={host!r})")


def test_no_model_at_all_is_served_as_that(made: Nursery) -> None:
    with server(made, "serving.names = lambda: []") as running:
        assert running.get("/models").json() == []
        assert running.get("/ready").status_code == 503
        assert running.get("/health").status_code == 200


@pytest.mark.parametrize("text", ["MODEL = (", "import nowhere", "1 / 0", ""])
def test_a_module_that_is_wrong_stops_no_other_model(made: Nursery, text: str) -> None:
    with lend(made.project):
        wrong = next(made.project.glob("src/*/models")) / "wrong.py"
        wrong.write_text(f"{text}\n", "utf-8")
        promoted = (
            "real = serving.champion\nserving.champion = lambda it: real(it) or 1"
        )
        with server(made, promoted) as running:
            assert running.post(NAME, {"rows": [ROW]}).status_code == 200
            problem = refusal(running.post("wrong", {"rows": [ROW]}))["problem"]
            assert "models/wrong.py" in problem
            assert running.get("/ready").status_code == 503


def test_a_server_without_promoted_versions_says_what_to_do(made: Nursery) -> None:
    with server(made, "serving.champion = lambda name: None") as running:
        assert any("uv run poe train" in line["event"] for line in running.log())


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
def test_a_monitor_may_ask_by_head(served: Server, path: str) -> None:
    response = httpx.head(served.url + path, timeout=PATIENCE)
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("body", [b"rows", b"[1]", b"\xff", b"[" * 100_000])
def test_what_is_no_request_is_told_how_one_looks(served: Server, body: bytes) -> None:
    assert 'such as {"rows": [{' in refusal(served.post(NAME, body))["problem"]


def test_columns_called_like_methods_are_fields_like_others(made: Nursery) -> None:
    code = """
import warnings
warnings.simplefilter("error")
from twobus.models import schema
columns = schema.contract("penguins").columns
changed = {{"copy": columns["year"], "schema": columns["species"]}}
schema.contract = lambda table: type("Schema", (), {{"columns": changed}})
class Wide:
    table, inputs = "wide", ["copy", "schema"]
body = schema.request_type("wide", Wide, {{}})
request = body.model_validate({{"rows": [{{"copy": 2008, "schema": "Adelie"}}]}})
print(schema.to_frame(request.rows, Wide).to_dict("list"))
"""
    told = made.good(code.format(package=made.package))
    assert told == "{'copy': [2008], 'schema': ['Adelie']}\n"


# A model whose texts are all out to do harm.
HARM = "<img src=x onerror=document.title='harm'><script>document.title='harm'</script>"
HARMFUL = f"""
import dataclasses
from twobus.models import card, declaration, schema
harm = {HARM!r}
real = serving.fetch
def fetch(name, number):
    version = real(name, number)
    score = dataclasses.replace(version.scores[0], rows=harm, metric=harm)
    facts = version.facts | {{"sources": [harm], "commit": harm, "trained": harm}}
    page = card.MarkdownIt("commonmark", {{"html": False}}).render(harm)
    fitted = version.fitted
    class Choosy:
        classes_ = fitted.classes_
        predict = fitted.predict
        def predict_proba(self, X):
            shares = fitted.predict_proba(X)
            shares[(X["body_mass_g"] == 3451).to_numpy()] = float("nan")
            return shares
    # As if a card had let it through.
    page = "<!doctype html><title>card</title>" + page + harm
    changed = dict(scores=[score], facts=facts, card=page, fitted=Choosy())
    return dataclasses.replace(version, **changed)
serving.fetch = fetch
columns = declaration.contract("penguins").columns
columns["bill_length_mm"].title = columns["bill_length_mm"].description = harm
schema.contract = lambda table: type("Schema", (), {{"columns": columns}})
"""


@pytest.fixture(scope="module")
def harmful(made: Nursery) -> Iterator[Server]:
    """A server of a model whose texts hold scripts."""
    code = (
        HARMFUL.replace("{package}", made.package).replace("{{", "{").replace("}}", "}")
    )
    with server(made, code) as running:
        yield running


def test_a_row_that_has_no_prediction_is_named(harmful: Server) -> None:
    rows = [ROW] * 637 + [ROW | {"body_mass_g": 3451}, ROW]
    response = harmful.post(NAME, {"rows": rows})
    assert response.status_code == 422
    assert refusal(response)["row"] == 637
    assert harmful.post(NAME, {"rows": rows[:637]}).status_code == 200


@pytest.fixture
def page(browser: Browser, served: Server) -> Iterator[Opened]:
    """The page at `/`."""
    with visited(browser, served.url + "/") as opened:
        opened.page.locator(f"#{NAME} button").wait_for()
        yield opened


def test_the_page_predicts_and_asks_nobody_else(page: Opened, served: Server) -> None:
    section = page.page.locator(f"#{NAME}")
    section.get_by_text("Predict", exact=True).click()
    expect(section.locator("output")).to_contain_text("sex: ")
    expect(section.locator("output")).to_contain_text("male: ")
    assert {url for url in page.requests if not url.startswith(served.url)} == set()


def test_the_page_shows_version_scores_and_card(page: Opened) -> None:
    section = page.page.locator(f"#{NAME}")
    expect(section).to_contain_text("Version 1, trained")
    section.get_by_text("Scores", exact=True).click()
    expect(section.locator("table")).to_contain_text("species=Gentoo")
    section.get_by_text("Card", exact=True).click()
    card = section.frame_locator("iframe")
    expect(card.locator("body")).to_contain_text("Intended use")
    assert card.locator("img").first.evaluate("it => it.naturalWidth") > 100


def test_the_page_says_what_is_wrong_in_words(page: Opened) -> None:
    section = page.page.locator(f"#{NAME}")
    section.locator("[name=body_mass_g]").fill("99999")
    section.locator("[name=bill_length_mm]").fill("-3")
    section.get_by_text("Predict", exact=True).click()
    expect(section.locator("output")).to_have_text(
        "bill_length_mm: Input should be greater than 0\n"
        "body_mass_g: Input should be less than or equal to 10000"
    )


def test_the_page_takes_a_field_that_is_empty_for_missing(page: Opened) -> None:
    section = page.page.locator(f"#{NAME}")
    section.locator("[name=body_mass_g]").fill("")
    section.get_by_text("Predict", exact=True).click()
    expect(section.locator("output")).to_contain_text("sex: ")


def test_the_page_says_why_a_model_cannot_be_tried(page: Opened) -> None:
    expect(page.page.locator("#unpromoted")).to_contain_text(
        "No version of unpromoted is promoted yet."
    )


def test_the_page_tells_when_the_server_is_gone(
    browser: Browser, made: Nursery
) -> None:
    with server(made) as running, visited(browser, running.url + "/") as opened:
        section = opened.page.locator(f"#{NAME}")
        section.locator("button").wait_for()
        running.task.stop()
        section.get_by_text("Predict", exact=True).click()
        expect(section.locator("output")).to_have_text("The server does not answer.")


def test_texts_that_hold_scripts_do_no_harm(browser: Browser, harmful: Server) -> None:
    with visited(browser, harmful.url + "/") as opened:
        section = opened.page.locator(f"#{NAME}")
        section.locator("button").wait_for()
        section.get_by_text("Scores", exact=True).click()
        section.get_by_text("Card", exact=True).click()
        card = section.frame_locator("iframe")
        card.locator("body").wait_for()
        expect(section.locator("label small").nth(1)).to_contain_text("onerror")
        assert section.locator("img, script").count() == 0
        assert opened.page.title() == "Models"
        opened.page.goto(f"{harmful.url}/models/{NAME}/card")
        assert opened.page.title() == "card"
