"""Datasets in stores, in memory or moto's S3: what is written there, what is fetched, and what is told."""

import json
import sys

import fsspec
import numpy as np
import pytest

from in_process import Here
from in_process import as_before as as_before
from staanet.audio.files import write
from staanet.core import checksums
from staanet.core.checksums import CHECKSUMS
from staanet.core.errors import StaanetError
from staanet.corpora import Folder
from staanet.data import Dataset, prepare

URL = "memory://bucket/corpus"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own, an empty store, and shards of 300 samples."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("staanet.data.shards.SHARD_SAMPLES", 300)
    fsspec.filesystem("memory").store.clear()
    return tmp_path / "cache" / "staanet" / "datasets"


@pytest.fixture
def root(tmp_path):
    random = np.random.default_rng(0)
    for number in range(8):
        samples = random.uniform(-0.5, 0.5, (100 + number, 1)).astype(np.float32)
        write(tmp_path / "corpus" / ("anger", "joy")[number % 2] / f"{number}.wav", samples, 16_000)
    return tmp_path / "corpus"


def stored(url=URL):
    store, place = fsspec.core.url_to_fs(url)
    return {path.rpartition("/")[2]: store.cat_file(path) for path in store.find(place)} if store.exists(place) else {}


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in (CHECKSUMS, ".lock")}


def without_checksums(content):
    return {name: value for name, value in content.items() if name != CHECKSUMS}


def forget(cache):
    for path in sorted(cache.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def counted(monkeypatch, name, fails_at=None):
    """Count the files that are sent or fetched, and interrupt before one of them."""
    kind = type(fsspec.filesystem("memory"))
    original, calls = getattr(kind, name), []

    def method(self, first, second, *arguments, **options):
        calls.append((second if name == "put_file" else first).rpartition("/")[2])
        if len(calls) == fails_at:
            raise ConnectionError("the line is dead")
        return original(self, first, second, *arguments, **options)

    monkeypatch.setattr(kind, name, method)
    return calls


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("engine", [None, Here()])
def test_a_store_holds_what_a_folder_would(root, tmp_path, cache, engine):
    prepare(Folder(), root, tmp_path / "whole")
    made = prepare(Folder(), root, URL, engine=engine)
    assert without_checksums(stored()) == files(tmp_path / "whole")
    assert len(stored()) == 6
    assert len(made) == 8
    forget(cache)
    opened = Dataset.open(URL)
    assert opened.digest == made.digest == Dataset.open(tmp_path / "whole").digest
    assert files(opened.folder) == files(tmp_path / "whole")
    assert np.array_equal(opened.waveform("joy/1"), Dataset(tmp_path / "whole").waveform("joy/1"))


def test_files_of_the_cache_are_not_fetched_again(root, cache, monkeypatch):
    prepare(Folder(), root, URL)
    calls = counted(monkeypatch, "get_file")
    assert Dataset.open(URL).folder.parent == cache
    assert calls == []
    forget(cache)
    assert len(Dataset.open(URL)) == len(Dataset.open(URL)) == 8
    assert len(calls) == 5


@pytest.mark.parametrize("moment", [1, 2, 5])
def test_what_was_sent_before_an_interruption_is_not_sent_again(root, tmp_path, monkeypatch, moment):
    prepare(Folder(), root, tmp_path / "whole")
    with monkeypatch.context() as patch:
        first = counted(patch, "put_file", moment)
        with pytest.raises(
            StaanetError, match=r"ConnectionError: the line is dead; check .* run the same command again"
        ):
            prepare(Folder(), root, URL)
    with pytest.raises(StaanetError, match=r"expected a prepared dataset, found (none|a part of one)"):
        Dataset.open(URL)
    second = counted(monkeypatch, "put_file")
    prepare(Folder(), root, URL)
    assert sorted([*first[:-1], *second]) == sorted(files(tmp_path / "whole"))
    assert second[-1] == "dataset.json"
    assert without_checksums(stored()) == files(tmp_path / "whole")


@pytest.mark.parametrize("moment", [1, 3, 5])
def test_what_was_fetched_before_an_interruption_is_not_fetched_again(root, cache, monkeypatch, moment):
    prepare(Folder(), root, URL)
    forget(cache)
    with monkeypatch.context() as patch:
        first = counted(patch, "get_file", moment)
        with pytest.raises(StaanetError, match="the line is dead"):
            Dataset.open(URL)
    second = counted(monkeypatch, "get_file")
    assert len(Dataset.open(URL)) == 8
    assert len(first[:-1]) + len(second) == 5


def test_a_smaller_dataset_replaces_a_larger_one(root, tmp_path):
    prepare(Folder(), root, URL)
    for path in list((root / "joy").iterdir())[1:]:
        path.unlink()
    prepare(Folder(), root, tmp_path / "whole")
    made = prepare(Folder(), root, URL)
    assert len(Dataset.open(URL)) == len(made) == 5
    assert without_checksums(stored()) == files(tmp_path / "whole")


def test_a_file_that_is_damaged_in_the_store_is_told(root, cache):
    prepare(Folder(), root, URL)
    forget(cache)
    content = stored()["shard-00001.safetensors"]
    fsspec.filesystem("memory").pipe_file("/bucket/corpus/shard-00001.safetensors", content[:-1] + b"x")
    with pytest.raises(StaanetError, match=r"corpus/shard-00001.safetensors: expected the contents that were written"):
        Dataset.open(URL)


def test_a_store_cannot_name_files_outside_of_the_cache(root, tmp_path, cache):
    prepare(Folder(), root, URL)
    forget(cache)
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "dataset.json").write_text("{}")
    (tmp_path / "stolen.json").write_text("{}")
    checksums.seal(tmp_path / "evil", [tmp_path / "evil" / "dataset.json"])
    lines = (tmp_path / "evil" / CHECKSUMS).read_text().splitlines()
    about = json.loads(lines[1]) | {"name": "../../stolen.json"}
    about.pop(checksums.OWN)
    own = checksums._line(about)
    fsspec.filesystem("memory").pipe_file(f"/bucket/corpus/{CHECKSUMS}", ("\n".join(lines) + "\n" + own).encode())
    with pytest.raises(StaanetError, match="expected the name of a file in this folder"):
        Dataset.open(URL)


def test_other_files_in_a_store_are_never_replaced(root):
    fsspec.filesystem("memory").pipe_file("/bucket/corpus/thesis.tex", b"x")
    with pytest.raises(StaanetError, match="expected a new place or a dataset, got other files; choose another --out"):
        prepare(Folder(), root, URL)
    assert stored() == {"thesis.tex": b"x"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nosuch://bucket/x", "nosuch://bucket/x: expected a store that fsspec knows, got nosuch .*Protocol not known"),
        (URL, "expected a prepared dataset, found none; make one with `staanet prepare CORPUS ROOT --out memory://"),
    ],
)
def test_a_store_that_cannot_be_used_is_told(url, message):
    with pytest.raises(StaanetError, match=message):
        Dataset.open(url)


def test_a_store_whose_package_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(
        StaanetError, match=r"expected a store that fsspec knows, got s3 .*install its package, such as s3fs"
    ):
        Dataset.open("s3://bucket/x")


def test_wrong_credentials_are_told_before_any_work(root, monkeypatch):
    def refused(*_arguments, **_options):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "exists", refused)
    monkeypatch.setattr("staanet.data.reading.Reader.find", lambda _: pytest.fail("it worked before it was refused"))
    with pytest.raises(StaanetError, match=r"PermissionError: Access Denied; check the address and your credentials"):
        prepare(Folder(), root, URL)


def test_a_url_of_files_is_a_store(root, tmp_path):
    prepare(Folder(), root, f"file://{tmp_path}/stored")
    assert len(Dataset.open(f"file://{tmp_path}/stored")) == len(Dataset(tmp_path / "stored")) == 8


@pytest.fixture
def s3(monkeypatch):
    """A server of S3 with the bucket `speech`."""
    pytest.importorskip("s3fs", reason="needs s3fs")
    server = pytest.importorskip("moto.server", reason="needs moto's server").ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
    fsspec.filesystem("s3").makedirs("speech", exist_ok=True)  # moto keeps it until the process ends
    yield server
    server.stop()
    fsspec.filesystem("s3").clear_instance_cache()


@pytest.mark.slow
@pytest.mark.usefixtures("s3")
def test_a_server_of_s3_holds_a_dataset_and_makes_no_bucket(root, cache):
    prepare(Folder(), root, "s3://speech/corpus")
    forget(cache)
    assert len(Dataset.open("s3://speech/corpus")) == 8
    with pytest.raises(StaanetError, match=r"speach/corpus: expected a bucket that exists, found none named speach"):
        prepare(Folder(), root, "s3://speach/corpus")
    assert fsspec.filesystem("s3").ls("") == ["speech"]


@pytest.mark.slow
def test_an_upload_goes_on_after_a_server_of_s3_was_gone(s3, root, monkeypatch):
    sent, gone, store = [], [], fsspec.filesystem("s3")
    put, (host, port) = store.put_file, s3.get_host_and_port()

    def counted(path, place):
        if len(sent) == 2 and not gone:
            gone.append(s3.stop())
        put(path, place)
        sent.append(place)

    monkeypatch.setattr(store, "put_file", counted)
    with pytest.raises(StaanetError, match="check the address and your credentials for s3, and run the same command"):
        prepare(Folder(), root, "s3://speech/other")
    assert len(sent) == 2
    again = type(s3)(host, port)
    again.start()
    try:
        made = prepare(Folder(), root, "s3://speech/other")
        assert len(Dataset.open("s3://speech/other")) == 8
    finally:
        again.stop()
    assert sorted(place.rpartition("/")[2] for place in sent) == sorted(files(made.folder))
