"""The model cache: the same data as botocore reads, whatever happens to the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import loaders
from botocore.loaders import Loader
from moto.utilities import utils

from labkit.sandbox import Sandbox
from labkit.sandbox.models import ModelCache, cache_folder, remember


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """As in a learner's notebook; other tests of this process go on as they were."""
    remember(False)
    yield
    remember()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def through_cache(read: Callable[[], Any]) -> Any:
    cache = ModelCache()
    cache.start()
    try:
        return read()
    finally:
        cache.stop()


def model() -> Any:
    return Loader().load_service_model("sqs", "service-2")


def services() -> Any:
    return Loader().list_available_services("service-2")


def regions() -> Any:
    return boto3.Session().get_available_regions("ec2", partition_name="aws-cn")


def instance_types() -> Any:
    return utils.load_resource("ec2/resources/instance_types.json")


@pytest.mark.parametrize("read", [model, services, regions, instance_types])
def test_first_and_later_reads_give_what_botocore_gives(folder: Path, read: Callable[[], Any]) -> None:
    expected = read()
    assert through_cache(read) == expected
    assert list(folder.iterdir())
    assert through_cache(read) == expected


def test_the_second_read_comes_from_the_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    through_cache(model)
    monkeypatch.setattr(loaders.json, "loads", lambda *_, **__: pytest.fail("it was parsed again"))
    # Small files are parsed each time, so only the large model itself is read here.
    path = next(Path(loaders.__file__).parent.glob("data/sqs/*/service-2.json*"))
    method = loaders._JSON_OPEN_METHODS[".json.gz" if path.suffix == ".gz" else ".json"]
    data = through_cache(lambda: loaders.JSONFileLoader()._load_file(str(path), method))
    assert data["metadata"]["serviceId"] == "SQS"


@pytest.mark.parametrize(
    ("read", "owner", "name"),
    [(regions, botocore.session.Session, "get_available_regions"), (instance_types, utils, "load_resource")],
)
def test_regions_and_tables_come_from_the_cache_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any], owner: Any, name: str
) -> None:
    expected = through_cache(read)
    monkeypatch.setattr(owner, name, lambda *_, **__: pytest.fail("it was read again"))
    assert through_cache(read) == expected


def test_two_readers_do_not_share_what_they_change(folder: Path) -> None:
    first = through_cache(model)
    first["metadata"]["serviceId"] = "changed"
    assert through_cache(model)["metadata"]["serviceId"] == "SQS"


def test_who_remembers_reads_once_what_is_only_looked_into(folder: Path) -> None:
    def endpoints() -> Any:
        return Loader().load_data("endpoints")

    remember()
    expected = through_cache(endpoints)
    kept = list(folder.iterdir())
    for path in kept:
        path.unlink()
    assert through_cache(endpoints) == expected
    assert not list(folder.iterdir()), "it came from memory"
    remember(False)
    assert through_cache(endpoints) == expected
    assert len(list(folder.iterdir())) == len(kept)


def test_who_remembers_still_reads_each_model_anew(folder: Path) -> None:
    """moto adds to the model it reads; a client whose model had these additions would not know its own errors."""
    remember()
    for _ in range(2):
        with Sandbox() as sandbox:
            sqs = sandbox.client("sqs")
            with pytest.raises(sqs.exceptions.QueueDoesNotExist):
                sqs.get_queue_url(QueueName="nobody-made-it")


def test_what_moto_adds_to_a_model_is_not_what_clients_see(folder: Path) -> None:
    """moto writes error codes into the model of SQS; a client's own errors would no longer be found by theirs."""
    from moto.core.loaders import create_loader

    remember()
    expected = Loader().load_service_model("sqs", "service-2")
    through_cache(lambda: create_loader().load_service_model("sqs", "service-2"))
    assert through_cache(lambda: Loader().load_service_model("sqs", "service-2")) == expected


def test_broken_files_are_read_anew_and_mended(folder: Path) -> None:
    expected = through_cache(model)
    for path in folder.iterdir():
        path.write_bytes(b"\xff not marshal")
    assert through_cache(model) == expected
    assert through_cache(model) == expected


def test_a_folder_that_cannot_be_made_costs_only_time(folder: Path) -> None:
    folder.write_text("a file where a folder should be", encoding="utf-8")
    assert through_cache(model)["metadata"]["serviceId"] == "SQS"


def test_a_missing_file_is_still_missing(folder: Path) -> None:
    assert through_cache(lambda: loaders.JSONFileLoader().load_file(str(folder / "nothing"))) is None


def test_stop_gives_botocore_its_own_reader_back(folder: Path) -> None:
    before = loaders.JSONFileLoader.__dict__["_load_file"]
    with Sandbox():
        assert loaders.JSONFileLoader.__dict__["_load_file"] is not before
        boto3.client("sqs").list_queues()
    assert loaders.JSONFileLoader.__dict__["_load_file"] is before


def test_without_a_named_folder_it_is_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LABKIT_CACHE", raising=False)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    assert cache_folder().is_relative_to(tmp_path / "labkit")
