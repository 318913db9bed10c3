"""A real server keeps its word under load, by signals, and in a browser."""

import logging
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import at_work
import httpx
import pyarrow.parquet as pq
import pytest
from bodies import BODIES, CANARY, MEGABYTE, ROW, TEXT
from browser import Opened, visited
from modelled import (
    ALL_OR_NOTHING,
    NAME,
    PATIENCE,
    Server,
    ran,
    refusal,
    refused,
    server,
)
from playwright.sync_api import Browser, expect

from template import run
from twobus.models import serving

pytestmark = pytest.mark.slow


BY_A_REAL_SERVER = [
    "only spaces",
    "bytes that are no text",
    "a lone surrogate as a name",
    "deep arrays",
    "10,000 wrong rows",
    "17 MiB",
]


def test_a_real_server_refuses_the_same_bodies(served: Server) -> None:
    for which in BY_A_REAL_SERVER:
        body, status, *_ = BODIES[which]
        response = served.post(NAME, body)
        assert response.status_code == status, which
        refusal(response)
    assert served.post(NAME, b" " * (170 * MEGABYTE)).status_code == 413
    assert CANARY not in served.task.output.read_text("utf-8")


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
    response = httpx.post(
        f"{served.url}/models/{NAME}/predict",
        content=TEXT,
        headers={b"X-Request-Id": given.encode("latin-1")},
        timeout=PATIENCE,
    )
    assert response.status_code == 200
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


def test_schemathesis_finds_nothing(served: Server, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(ALL_OR_NOTHING, "utf-8")
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


def in_flight(running: Server, answers: list[httpx.Response]) -> threading.Thread:
    """Send a request that takes a while, and return once it is being answered."""

    def send() -> None:
        with suppress(httpx.TransportError):
            answers.append(running.post(NAME, {"rows": [ROW]}))

    thread = threading.Thread(target=send)
    thread.start()
    time.sleep(0.7)
    return thread


def test_requests_in_flight_are_answered_before_the_server_ends(
    shop: Path, tmp_path: Path
) -> None:
    answers: list[httpx.Response] = []
    with server(shop, tmp_path, at_work.serve_slowly) as running:
        # The second one waits for the first.
        threads = [in_flight(running, answers) for _ in range(2)]
        result = running.task.stop(signal.SIGTERM)
        for thread in threads:
            thread.join()
    assert result.code in (0, -signal.SIGTERM)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "Traceback" not in result.output


def test_a_server_that_is_killed_serves_again(shop: Path, tmp_path: Path) -> None:
    answers: list[httpx.Response] = []
    with server(shop, tmp_path, at_work.serve_slowly) as running:
        thread = in_flight(running, answers)
        running.task.stop(signal.SIGKILL)
        thread.join()
    assert answers == []
    with server(shop, tmp_path) as again:
        assert again.post(NAME, {"rows": [ROW]}).json()["version"] == 1


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Take back what a server does to the log of its process."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("port", [-1, 65_536, 10**9])
def test_a_port_that_cannot_be_is_refused_in_a_sentence(port: int, shop: Path) -> None:
    said = refused(serving.serve, port=port)
    assert said.startswith(f"Nothing can listen at 127.0.0.1, port {port}")


@pytest.mark.usefixtures("logging_as_before")
def test_a_port_that_is_taken_is_refused_in_a_sentence(shop: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused(serving.serve, port=taken.getsockname()[1])
    assert "in use" in said
    assert "--port" in said


def test_a_port_that_is_not_allowed_is_refused_in_a_sentence(
    shop: Path, tmp_path: Path
) -> None:
    lowest = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if lowest.exists() and int(lowest.read_text()) <= 80:
        pytest.skip("every port is allowed here")
    result = ran(shop, tmp_path, at_work.serve_without_rights)
    assert result.code == 1
    (said,) = result.output.splitlines()
    assert "ermission denied" in said


@pytest.mark.usefixtures("logging_as_before")
def test_an_address_that_is_not_ours_is_refused_in_a_sentence(shop: Path) -> None:
    for host in ("192.0.2.1", "no-such-host.invalid", "::1::", "é" * 70):
        assert host in refused(serving.serve, port=0, host=host)


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
def test_a_monitor_may_ask_by_head(served: Server, path: str) -> None:
    response = httpx.head(served.url + path, timeout=PATIENCE)
    assert (response.status_code, response.content) == (200, b"")


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
    browser: Browser, shop: Path, tmp_path: Path
) -> None:
    with (
        server(shop, tmp_path) as running,
        visited(browser, running.url + "/") as opened,
    ):
        section = opened.page.locator(f"#{NAME}")
        section.locator("button").wait_for()
        running.task.stop()
        section.get_by_text("Predict", exact=True).click()
        expect(section.locator("output")).to_have_text("The server does not answer.")


def test_texts_that_hold_scripts_do_no_harm(
    browser: Browser, shop: Path, tmp_path: Path
) -> None:
    with (
        server(shop, tmp_path, at_work.serve_harmful) as harmful,
        visited(browser, harmful.url + "/") as opened,
    ):
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


def test_what_was_logged_is_written_before_a_server_ends(
    shop: Path, tmp_path: Path
) -> None:
    with server(shop, tmp_path, at_work.serve_logged) as running:
        running.post(NAME, {"rows": [ROW] * 7})
        running.task.stop()
    (file,) = (shop / "kept 50% é").rglob("*.parquet")
    assert pq.ParquetFile(file).metadata.num_rows == 7
    assert not [*shop.rglob(".*.parquet")]
