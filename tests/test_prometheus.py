"""What a server counts is right, of few labels, and never a value."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from bodies import CANARY, ROW
from fastapi.testclient import TestClient
from modelled import NAME

from twobus.models import serving

pytestmark = pytest.mark.slow
OURS = f'model="{NAME}",version="1"'
STATUS = f'model="{NAME}",status="%d",version="1"'


@pytest.fixture
def client(shop: Path) -> Iterator[TestClient]:
    with TestClient(serving.make_app(), raise_server_exceptions=False) as it:
        yield it


def counted(client: TestClient) -> dict[str, float]:
    """Return what is counted, by name and labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert CANARY not in response.text
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {
        name: float(number) for name, _, number in (it.rpartition(" ") for it in lines)
    }


def post(
    client: TestClient, rows: list[object], name: str = NAME, query: str = ""
) -> int:
    content = json.dumps({"rows": rows})
    return client.post(f"/models/{name}/predict{query}", content=content).status_code


def test_requests_rows_and_seconds_are_counted(client: TestClient) -> None:
    assert counted(client)[f"twobus_version_info{{{OURS}}}"] == 1
    assert [post(client, [ROW] * number) for number in (1, 5)] == [200, 200]
    assert post(client, [ROW | {"species": CANARY}]) == 422
    assert post(client, [ROW, {}], query="?partial=true") == 200
    told = counted(client)
    assert told[f"twobus_requests_total{{{STATUS % 200}}}"] == 3
    assert told[f"twobus_requests_total{{{STATUS % 422}}}"] == 1
    assert told[f"twobus_request_seconds_count{{{OURS}}}"] == 4
    assert 0 < told[f"twobus_request_seconds_sum{{{OURS}}}"] < 60
    assert told[f"twobus_batch_rows_sum{{{OURS}}}"] == 7
    assert told[f"twobus_batch_rows_count{{{OURS}}}"] == 3
    assert told[f'twobus_batch_rows_bucket{{le="3.0",{OURS}}}'] == 2
    assert told[f"twobus_requests_in_flight{{{OURS}}}"] == 0


def test_names_that_nobody_has_make_no_labels(client: TestClient) -> None:
    for number in range(3):
        assert post(client, [ROW], f"{CANARY}{number}") == 404
        client.get(f"/{CANARY}{number}", headers={"Host": CANARY})
    assert post(client, [ROW], "unpromoted") == 503
    told = counted(client)
    assert told['twobus_requests_total{model="",status="404",version=""}'] == 6
    models = {match[1] for it in told if (match := re.search('model="(.*?)"', it))}
    assert models == {"", NAME}
