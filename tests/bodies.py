"""Bodies of requests that a server must refuse."""

import gzip
import json
from functools import cache
from typing import Any

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
    "a value of a megabyte": (with_(species="n" * MEGABYTE), 422, 1, None),
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
}


@cache
def hostile(size: int) -> dict[str, bytes]:
    """Return bodies of a size that cost a server as much as they can."""

    def rows(row: str) -> bytes:
        count = (size - 20) // (len(row.encode()) + 1)
        return f'{{"rows":[{",".join([row] * count)}]}}'.encode()

    def many(value: str) -> str:
        return ",".join(f'"f{number}":{value}' for number in range(size // 16))

    plain = json.dumps(ROW)
    odd = json.dumps(dict.fromkeys(ROW, CANARY))
    return {
        "rows with 200 names that are unknown": rows(
            json.dumps({f"f{number}": 1 for number in range(200)})
        ),
        "rows that are empty": rows("{}"),
        "rows that are empty lists": rows("[]"),
        "rows that are numbers": rows("1.5"),
        "rows that are wrong": rows(odd),
        "rows that are right": rows(plain),
        "one row with many names": f'{{"rows":[{{{many("1")}}}]}}'.encode(),
        "one row with many lists": f'{{"rows":[{{{many("[]")}}}]}}'.encode(),
        "many names beside the rows": f"{{{many('1')}}}".encode(),
        "one list of numbers": b'{"rows":1,"x":[' + b"1," * (size // 2 - 12) + b"1]}",
        "one number of many digits": b'{"rows":[' + b"1" * (size - 20) + b"]}",
        "one number with many digits behind the point": (
            b'{"rows":[0.' + b"1" * (size - 20) + b"]}"
        ),
        "one text of pictures": f'{{"rows":["{"😀" * (size // 4 - 8)}"]}}'.encode(),
        "one text of escapes": (b'{"rows":["' + rb"\u0041" * (size // 6 - 8) + b'"]}'),
        "an open text": b'{"rows":["' + b"\\" * (size - 20),
        "spaces": b" " * (size - 1),
        "deep lists": b"[" * (size - 1),
        "deep objects": b'{"rows":' * (size // 8 - 1),
        "rows given often": b"{" + b'"rows":[],' * (size // 10 - 2) + b'"rows":[]}',
    }
