"""What the registry keeps is whole, is the team's own, and serves only when it may."""

import bz2
import gzip
import json
import lzma
import os
import pickle
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from modelled import PATIENCE, Nursery, is_step, nursery, server

from template import clone, commit, environment, lend, poe, pythons, run

pytestmark = pytest.mark.slow

NAME = "penguin_sex"
# Drawing takes longer than all else.
QUICKLY = "training.render = lambda *given: '<p>card</p>'\n"
TRAIN = f"{QUICKLY}tasks.train([{NAME!r}])"
VERSIONS = f"print(registry.versions({NAME!r}))"
CHAMPION = f"print(registry.champion({NAME!r}))"
# By how much scores and predictions may differ on another Python, for which the
# packages of the lock were built once more.
TOLERANCE = 1e-6


def promote(number: int) -> str:
    return f"tasks.promote({NAME!r}, {number})"


@pytest.fixture(scope="module")
def home(
    models_ready: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nursery]:
    """The project with its tasks; its registry holds version 1, promoted."""
    with (
        lend(models_ready),
        nursery(models_ready, tmp_path_factory.mktemp("out")) as it,
    ):
        yield it


@pytest.fixture
def made(home: Nursery, tmp_path: Path) -> Iterator[Nursery]:
    """The same; what a test does to the project is taken back."""
    with lend(home.project):
        yield home


def files(made: Nursery, number: int = 1) -> Path:
    """Return the folder of a version's files."""
    code = (
        f"v = registry.store().get_model_version(registry._title({NAME!r}), '{number}')"
    )
    uri = made.good(f"{code}\nprint(v.source)").strip()
    assert uri.startswith("file://")
    return Path(unquote(urlsplit(uri).path))


# Where training is killed: before the files, between two of them, before the version.
MOMENTS = {
    "while the files are written": ("registry", "seal"),
    "before the run is made": ("registry", "_experiment"),
    "before the files are copied": ("registry.store()", "log_artifacts"),
    "while metrics are written": ("registry.store()", "log_metric"),
    "before the model is made": ("registry.store()", "search_registered_models"),
    "before the version is made": ("registry.store()", "create_model_version"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_training_that_is_killed_leaves_no_version(moment: str, made: Nursery) -> None:
    place, name = MOMENTS[moment]
    code = f"""
import signal
def killed(*a, **b): os.kill(os.getpid(), signal.SIGKILL)
{place}.{name} = killed
{TRAIN}
"""
    assert made.run(code).code == -signal.SIGKILL
    assert made.good(VERSIONS) == "[1]\n"
    assert made.good(CHAMPION) == "1\n"


def test_training_works_again_after_it_was_killed(made: Nursery) -> None:
    for wait in (0.2, 0.9):
        task = made.start(TRAIN)
        task.wait_for("registering")
        time.sleep(wait)
        task.stop(signal.SIGKILL)
    known = json.loads(made.good(VERSIONS))
    # Whatever it had come to: what counts as a version can be used.
    for number in known:
        made.good(f"registry.fetch({NAME!r}, {number})")
    made.good(TRAIN)
    assert json.loads(made.good(VERSIONS))[0] == known[0] + 1
    made.good(promote(known[0] + 1))


def test_a_full_disk_leaves_no_version_and_one_sentence(made: Nursery) -> None:
    # No file may become larger than the card is: writing it fails in the middle.
    code = f"""
{QUICKLY}
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
real = registry.store().log_artifacts
def full(*a, **b):
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    real(*a, **b)
registry.store().log_artifacts = full
try:
    tasks.train([{NAME!r}])
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
"""
    said = made.refused(code)
    assert said.startswith(f"{NAME} was not kept")
    assert "File too large" in said
    assert made.good(VERSIONS) == "[1]\n"


def test_a_registry_on_a_full_disk_says_so(made: Nursery, tmp_path: Path) -> None:
    small = made.project / "registry"
    shutil.rmtree(small)
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only who may mount can make a disk that is full so soon")
    try:
        said = made.refused(TRAIN)
        assert "No space left" in said or "full" in said
        assert made.good(VERSIONS) == "[]\n"
    finally:
        subprocess.run(["umount", str(small)], check=True)
        small.rmdir()


# What may happen to each file, and what is said of it.
DAMAGES = """
import json
from pathlib import Path
said = []
for file in sorted(path for path in Path({folder!r}).rglob("*") if path.is_file()):
    whole = file.read_bytes()
    flipped = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
    for content in (None, b"", whole[: len(whole) // 2], flipped):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        try:
            registry.promote({name!r}, 1)
        except registry.ModelError as error:
            said.append((file.name, str(error)))
    file.write_bytes(whole)
print(json.dumps(said))
"""


def test_a_damaged_file_is_named_and_its_version_is_never_used(made: Nursery) -> None:
    folder = files(made)
    found = json.loads(made.good(DAMAGES.format(folder=str(folder), name=NAME)))
    assert len(found) == 4 * 6
    for file, said in found:
        assert said.startswith(f"Version 1 of {NAME} cannot be used"), file
        assert file in said, said
    made.good(promote(1))


def test_a_replaced_version_is_refused_although_it_is_whole(made: Nursery) -> None:
    made.good(TRAIN)
    first, second = files(made, 1), files(made, 2)
    shutil.rmtree(first)
    shutil.copytree(second, first)
    assert "contents.json" in made.refused(promote(1))


def test_a_pickle_that_was_put_beside_the_files_is_refused(
    made: Nursery, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    (files(made) / "model" / "other.bin").write_bytes(pickle.dumps(Evil(trace)))
    said = made.refused(promote(1))
    assert "other.bin" in said
    assert not trace.exists()


def test_a_damaged_model_is_unavailable_and_the_others_serve(made: Nursery) -> None:
    models = next(made.project.glob("src/*/models"))
    source = (models / f"{NAME}.py").read_text("utf-8")
    (models / "second.py").write_text(source, "utf-8")
    page = made.project / "docs" / "models"
    shutil.copy(page / f"{NAME}.md", page / "second.md")
    commit(made.project)
    made.good(QUICKLY + "tasks.train(['second'])\ntasks.promote('second', 1)")
    (files(made) / "facts.json").write_text("{}", "utf-8")
    with server(made) as running:
        example = running.get("/models").json()[1]["example"]
        assert running.post("second", {"rows": [example]}).status_code == 200
        for answer in (running.post(NAME, {"rows": [example]}), running.get("/ready")):
            assert answer.status_code == 503
            problem = answer.json()["detail"][0]["problem"]
            assert problem.startswith(f"Version 1 of {NAME} cannot be used")
            assert "facts.json" in problem
        assert running.get("/health").status_code == 200
        assert running.get("/models").json()[0]["version"] is None
        assert running.log()


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.trace}'",)


def pickles(trace: Path) -> dict[str, bytes]:
    """Return pickles in the ways in which they are written."""
    bad = Evil(trace)
    plain = pickle.dumps(bad, protocol=5)
    inner, outer, empty = BytesIO(), BytesIO(), BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("notes.txt", "nothing")
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("archive/data.pkl", plain)
        archive.writestr("archive/version", "3")
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.zip", inner.getvalue())
    return {
        **{f"protocol {it}": pickle.dumps(bad, protocol=it) for it in range(6)},
        "gzip": gzip.compress(plain),
        "bzip2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "lzma": lzma.compress(plain, format=lzma.FORMAT_ALONE),
        "zlib": zlib.compress(plain),
        "LZ4": b"\x04\x22\x4d\x18" + plain,
        "torch": inner.getvalue(),
        "zip in zip": outer.getvalue(),
        "zip after text": b"# a comment\n" + inner.getvalue(),
        "never ended": plain[:-1] + b"\xff",
        "zip after a pickle": plain + empty.getvalue(),
    }


def test_a_pickle_is_refused_in_whatever_wrapping_and_never_run(
    made: Nursery, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    for which, content in pickles(trace).items():
        folder = tmp_path / which
        folder.mkdir()
        (folder / "model.bin").write_bytes(content)
        code = f"""
from dataclasses import replace
from pathlib import Path
from twobus.models.artifacts import load
def loads(folder): raise SystemExit("It was read.")
model = replace(serving.find({NAME!r}), save=loads, load=loads)
try:
    load({NAME!r}, model, Path({str(folder)!r}))
except serving.ModelError as error:
    raise SystemExit(str(error)) from None
"""
        said = made.refused(code)
        assert "is a pickle, or compressed" in said, which
    assert not trace.exists()


def test_what_only_looks_like_a_pickle_is_read(made: Nursery, tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}})
    harmless = {
        **{
            f"safetensors {size}": struct.pack("<Q", size) + header.ljust(size).encode()
            for size in (*range(64, 380), 0x785E, 0x789C)
        },
        "numbers": b"0.25\n1.5\n2.\n",
        "table": b"city,count\nBern,3\nRoma,4\n",
        "index": b"id,name\n1,2\n",
        "words": b"chinstrap\ngentoo\nadelie\n",
        "JSON": b'[{"a": 1}]',
        "x": b"x = 1\n",
    }
    for which, content in harmless.items():
        (tmp_path / which).write_bytes(content)
    code = f"""
from dataclasses import replace
from pathlib import Path
from twobus.models.artifacts import load
def read(folder): print(len(list(folder.iterdir())))
model = replace(serving.find({NAME!r}), save=read, load=read)
load({NAME!r}, model, Path({str(tmp_path)!r}))
"""
    assert made.good(code) == f"{len(harmless)}\n"


def test_a_model_that_saves_a_pickle_is_not_kept(made: Nursery) -> None:
    module = next(made.project.glob("src/*/models")) / f"{NAME}.py"
    text = module.read_text("utf-8")
    own = """
import joblib


def save(fitted, folder):
    joblib.dump(fitted, folder / "model.joblib")


def load(folder):
    return joblib.load(folder / "model.joblib")


MODEL = Model(
    save=save,
    load=load,
"""
    module.write_text(text.replace("MODEL = Model(\n", own), "utf-8")
    said = made.refused(TRAIN)
    assert "model.joblib" in said
    assert "`save` and a `load`" in said
    assert made.good(VERSIONS) == "[1]\n"


def test_a_type_that_is_not_trusted_is_named(made: Nursery) -> None:
    module = next(made.project.glob("src/*/models")) / f"{NAME}.py"
    text = module.read_text("utf-8")
    module.write_text(text.replace('    trusted=["numpy.dtype"],\n', ""), "utf-8")
    said = made.refused(TRAIN)
    assert "numpy.dtype" in said
    assert f"`trusted` in models/{NAME}.py" in said
    assert "numpy.dtype" in made.refused(promote(1))


def test_a_project_that_was_moved_says_so_everywhere(
    made: Nursery, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    # As after `mv`: the same files at another place.
    shutil.copytree(made.project / "registry", moved / "registry")
    place = f"__import__('pathlib').Path({str(moved / 'registry')!r})"
    there = f"registry.folder = lambda: {place}\n"
    for task in (TRAIN, promote(1), f"tasks.rollback({NAME!r})", "tasks.card()"):
        said = made.refused(there + task)
        assert "move the project back there" in said or "No version" in said
    with server(made, there) as running:
        answer = running.get("/ready")
        assert answer.status_code == 503
        assert "move the project back" in answer.json()["detail"][0]["problem"]


def test_what_must_not_serve_is_refused_with_all_reasons(made: Nursery) -> None:
    module = next(made.project.glob("src/*/models")) / f"{NAME}.py"
    text = module.read_text("utf-8")
    page = made.project / "docs" / "models" / f"{NAME}.md"
    module.write_text(text.replace('"accuracy": 0.8', '"accuracy": 1.01'), "utf-8")
    made.good(TRAIN, DATA_URL="samples")
    page.write_text("# penguin_sex\n\n## Intended use\n\n<!-- hint -->\n", "utf-8")
    said = made.refused(promote(2))
    assert "changes that are not committed" in said
    assert "on the samples" in said
    assert re.search(r"accuracy \(held out\) is \d\.\d+, not 1\.01", said)
    assert "says nothing below 'Intended use'" in said
    assert made.good(CHAMPION) == "1\n"


# What somebody gets wrong in a module, and words of what is said of it.
FEATURES = "return rows.assign("
MISTAKES = {
    "no Python": (
        "MODEL = Model(",
        "MODEL = Model((",
        "wrong.py, line 32: SyntaxError",
    ),
    "fails": ("import pandas as pd", "1 / 0", "wrong.py, line 7: ZeroDivisionError"),
    "no package": ("import pandas as pd", "import nowhere", "needs nowhere, which is"),
    "no model": ("MODEL = Model(", "OTHER = Model(", "declares no MODEL"),
    "returns nothing": (FEATURES, "rows.assign(", "must return a table"),
    "raises": (
        FEATURES,
        "raise OSError('no')\n    return rows.assign(",
        "wrong.py, line 29: OSError: no",
    ),
    "sorts": (FEATURES, "rows = rows[::-1]\n    return rows.assign(", "same order"),
    "drops": (
        FEATURES,
        "rows = rows[1:]\n    return rows.assign(",
        "that it was given",
    ),
    "learns": ("bill_shape=length /", "bill_shape=length.mean() /", "rows alone"),
    "no probabilities": (
        "LogisticRegression(C=10)",
        "__import__('sklearn.svm').svm.LinearSVC(max_iter=100_000)",
        "predict_proba",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_module_is_a_sentence_and_nothing_is_kept(
    mistake: str, made: Nursery
) -> None:
    old, new, words = MISTAKES[mistake]
    module = next(made.project.glob("src/*/models")) / f"{NAME}.py"
    text = module.read_text("utf-8")
    assert text.count(old) == 1
    module.with_stem("wrong").write_text(text.replace(old, new), "utf-8")
    assert words in made.refused("tasks.train(['wrong'])")
    assert made.good("print(registry.versions('wrong'))") == "[]\n"


def test_a_training_that_is_stopped_says_so(made: Nursery) -> None:
    # What runs in the background may have been told to ignore Ctrl+C.
    code = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
training.fit = lambda *given: time.sleep(60)
"""
    task = made.start(code + TRAIN)
    task.wait_for("reading penguins")
    result = task.stop(signal.SIGINT)
    assert result.code == 130
    assert result.output.splitlines()[-1] == "Stopped."
    assert made.good(VERSIONS) == "[1]\n"


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (promote(9), "penguin_sex has no version 9 in the registry "),
        ("tasks.promote('walrus', 1)", "There is no model 'walrus'; known models:"),
        ("tasks.rollback('walrus')", "There is no model 'walrus'; known models:"),
        ("tasks.train(['walrus'])", "There is no model 'walrus'; known models:"),
        (promote(-1), "penguin_sex has no version -1"),
        (promote(0), "penguin_sex has no version 0"),
    ],
)
def test_what_does_not_exist_is_refused(task: str, words: str, made: Nursery) -> None:
    assert made.refused(task).startswith(words)


def test_versions_can_be_rolled_back_one_by_one(made: Nursery) -> None:
    made.good(f"{TRAIN}\n{TRAIN}\n{promote(2)}\n{promote(3)}")
    back = f"tasks.rollback({NAME!r})\n{CHAMPION}"
    assert made.good(back).endswith("\n2\n")
    assert made.good(back).endswith("\n1\n")
    assert "was promoted before" in made.refused(back)
    assert made.good(f"{promote(3)}\n{CHAMPION}").endswith("\n3\n")
    assert made.good(back).endswith("\n1\n")


def test_promoting_twice_is_promoting_once(made: Nursery) -> None:
    made.good(f"{promote(1)}\n{promote(1)}")
    assert made.good(CHAMPION) == "1\n"
    assert "was promoted before" in made.refused(f"tasks.rollback({NAME!r})")


def test_a_promotion_that_is_killed_can_be_rolled_back(made: Nursery) -> None:
    made.good(TRAIN)
    code = f"""
import signal
def killed(*a, **b): os.kill(os.getpid(), signal.SIGKILL)
registry.store().set_registered_model_tag = killed
{promote(2)}
"""
    assert made.run(code).code == -signal.SIGKILL
    assert made.good(CHAMPION) in ("1\n", "2\n")
    if made.good(CHAMPION) == "2\n":
        made.good(f"tasks.rollback({NAME!r})")
    assert made.good(CHAMPION) == "1\n"
    made.good(promote(2))
    made.good(f"tasks.rollback({NAME!r})")
    assert made.good(CHAMPION) == "1\n"


def test_two_trainings_at_once_both_give_a_version(made: Nursery) -> None:
    first, second = made.start(TRAIN), made.start(TRAIN)
    for result in (first.wait(), second.wait()):
        assert result.code == 0, result.output
    assert json.loads(made.good(VERSIONS)) == [3, 2, 1]


def test_two_first_trainings_at_once_both_give_a_version(made: Nursery) -> None:
    shutil.rmtree(made.project / "registry")
    first, second = made.start(TRAIN), made.start(TRAIN)
    for result in (first.wait(), second.wait()):
        assert result.code == 0, result.output
    assert json.loads(made.good(VERSIONS)) == [2, 1]


def test_training_twice_gives_the_same_scores_and_predictions(made: Nursery) -> None:
    made.good(TRAIN)
    first, second = files(made, 1), files(made, 2)
    for name in ("scores.json", "golden.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    # The batch, through the table, is the same as well.
    code = f"tasks.predict({NAME!r}, PLACE)".replace
    one, two = made.project / "data/one.parquet", made.project / "data/two.parquet"
    made.good(code("PLACE", repr(str(one))))
    made.good(promote(2) + "\n" + code("PLACE", repr(str(two))))
    same = f"""
import pandas as pd
one, two = pd.read_parquet({str(one)!r}), pd.read_parquet({str(two)!r})
assert list(one.pop("version").unique()) == [1]
assert list(two.pop("version").unique()) == [2]
pd.testing.assert_frame_equal(one, two, check_exact=True)
"""
    made.good(same)


def test_another_python_gives_the_same_scores_and_predictions(
    made: Nursery, tmp_path: Path
) -> None:
    facts = json.loads((files(made) / "facts.json").read_text("utf-8"))
    minor = facts["python"].rpartition(".")[0]
    others = [path for version, path in pythons().items() if version != minor]
    if not others:
        pytest.skip(f"no Python but {minor} on this machine, and none can be fetched")
    other = clone(made.project, tmp_path / "other")
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    made.good(f"tasks.predict({NAME!r}, {str(one)!r})")
    code = f"""
from twobus.models import tasks, training
{TRAIN}
{promote(1)}
tasks.predict({NAME!r}, {str(two)!r})
"""
    result = run("uv", "run", "python", "-c", code, cwd=other, UV_PYTHON=others[0])
    assert result.code == 0, result.output

    folder = next(other.glob("registry/files/*/artifacts/version"))
    told = json.loads((folder / "facts.json").read_text("utf-8"))
    assert told["python"].rpartition(".")[0] != minor
    for same in ("fingerprint", "lock", "training_rows", "held_out_rows"):
        assert told[same] == facts[same]
    usual, found = (
        json.loads((it / "scores.json").read_text("utf-8"))
        for it in (files(made), folder)
    )
    for score, again in zip(usual, found, strict=True):
        numbers = {key: it for key, it in score.items() if isinstance(it, float)}
        assert {key: again[key] for key in numbers} == pytest.approx(
            numbers, rel=TOLERANCE, abs=0, nan_ok=True
        )
        assert again | numbers == score
    near = f"""
import pandas as pd
one, two = pd.read_parquet({str(one)!r}), pd.read_parquet({str(two)!r})
assert len(one) > 300
pd.testing.assert_frame_equal(one, two, rtol={TOLERANCE}, atol={TOLERANCE})
"""
    made.good(near)


def test_training_says_its_steps_and_its_scores_and_nothing_else(made: Nursery) -> None:
    result = poe(made.project, "train", NAME)
    assert result.code == 0, result.output
    first, *lines = result.output.splitlines()
    assert first.startswith("Poe => train")
    rest = [line for line in lines if line and not is_step(line)]
    table = [line for line in rest if line.startswith("|")]
    assert rest == [f"{NAME}, version 2", *table, f"uv run poe promote {NAME} 2"]


def test_nobody_else_is_told_of_a_training(made: Nursery) -> None:
    code = f"""
import socket
def refuse(self, address):
    print("told", address)
    raise OSError("no network here")
socket.socket.connect = refuse
socket.socket.connect_ex = refuse
real = socket.getaddrinfo
def asked(*given, **more):
    print("told", given[0])
    raise OSError("no network here")
socket.getaddrinfo = asked
{TRAIN}
{promote(2)}
import time
time.sleep(1)
"""
    assert "told" not in made.good(code)


def test_a_server_that_does_not_answer_is_named_in_a_sentence(made: Nursery) -> None:
    start = time.monotonic()
    address = "http://boss:planted@secret@127.0.0.1:9"
    said = made.refused(promote(1), MLFLOW_TRACKING_URI=address)
    assert "planted" not in said
    assert "secret" not in said
    assert "127.0.0.1" in said
    assert time.monotonic() - start < 20


def test_an_address_that_is_none_is_named_in_a_sentence(made: Nursery) -> None:
    said = made.refused(promote(1), MLFLOW_TRACKING_URI="ftp://mlflow.example")
    assert "MLFLOW_TRACKING_URI" in said or "ftp" in said


@pytest.fixture
def tracking(tmp_path: Path) -> Iterator[str]:
    """The address of an MLflow server of a team's, where it can be installed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["uv", "tool", "run", "--from", "mlflow>=3.17", "mlflow", "server"]
    store = f"sqlite:///{tmp_path / 'server.db'}"
    process = subprocess.Popen(
        [
            *words,
            *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", store, "--serve-artifacts"),
            *("--artifacts-destination", str(tmp_path / "artifacts")),
        ],
        cwd=tmp_path,
        env=environment(MLFLOW_DISABLE_TELEMETRY="true"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + PATIENCE
    while True:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                break
        if process.poll() is not None:
            pytest.skip("MLflow's server cannot be installed here")
        assert time.monotonic() < end
        time.sleep(0.3)
    yield url
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()


def test_the_same_code_works_with_a_server_of_the_team(
    made: Nursery, tracking: str
) -> None:
    there = {"MLFLOW_TRACKING_URI": tracking}
    assert made.good(CHAMPION, **there) == "None\n"
    told = made.good(f"{TRAIN}\n{promote(1)}", **there)
    assert "folder of this computer" not in told
    with server(made, **there) as running:
        (model,) = running.get("/models").json()
        assert model["version"] == 1
        answer = running.post(NAME, {"rows": [model["example"]]})
        assert answer.status_code == 200
    # The project's own folder knows nothing of it.
    assert made.good(VERSIONS) == "[1]\n"
    assert "known versions: 1." in made.refused(promote(7), **there)


def test_a_contract_that_has_changed_since_is_named_without_values(
    made: Nursery,
) -> None:
    table = next(made.project.glob("src/*/tables")) / "penguins.py"
    text = table.read_text("utf-8").replace('"min_value": 1_000', '"min_value": 9_000')
    table.write_text(text, "utf-8")
    said = made.refused(promote(1))
    assert "the contract of penguins no longer allows rows" in said
    assert "train again" in said
