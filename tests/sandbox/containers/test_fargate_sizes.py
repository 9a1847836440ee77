"""The sizes Fargate sells, the whole table, and what lies beside it."""

from __future__ import annotations

import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.containers.capacitykit import fargate, refused, register

TABLE = {
    256: [512, 1024, 2048],
    512: [1024, 2048, 3072, 4096],
    1024: [2048, 8192],
    2048: [4096, 16384],
    4096: [8192, 30720],
    8192: [16384, 20480, 61440],
    16384: [32768, 40960, 122880],
}
BESIDE = [
    (256, 8192), (256, 256), (512, 512), (1024, 1024), (1024, 1536), (1024, 9216), (4096, 31744), (8192, 17408),
    (16384, 36864), (300, 512), (32768, 65536),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _account(sandbox: Sandbox) -> None:
    pass


@pytest.mark.parametrize("cpu", TABLE)
def test_a_size_of_the_table_is_taken(cpu: int) -> None:
    for memory in TABLE[cpu]:
        made = register(**fargate(cpu=str(cpu), memory=str(memory)))
        assert "FARGATE" in made["compatibilities"]


@pytest.mark.parametrize(("cpu", "memory"), BESIDE)
def test_a_size_beside_the_table_is_refused(cpu: int, memory: int) -> None:
    assert refused(cpu=str(cpu), memory=str(memory)) == (
        "ClientException",
        f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
        "See the Amazon ECS documentation for the valid values.",
    )


@pytest.mark.parametrize("missing", ["cpu", "memory"])
def test_both_must_be_said_at_the_task(missing: str) -> None:
    wanted = f"Fargate requires that '{missing}' be defined at the task level."
    assert refused(**{missing: None}) == ("ClientException", wanted)


@pytest.mark.parametrize("mode", ["bridge", "host", "none", None])
def test_only_awsvpc_will_do(mode: str | None) -> None:
    wanted = "Fargate only supports network mode \u2018awsvpc\u2019."
    assert refused(networkMode=mode) == ("ClientException", wanted)


@pytest.mark.parametrize("cpu", ["196609", "64", "lots", "1 core"])
def test_a_cpu_value_that_is_none_is_refused(cpu: str) -> None:
    code, text = refused(cpu=cpu)
    assert code == "ClientException"
    assert text.startswith("Invalid 'cpu' setting for task.")


@pytest.mark.parametrize(("cpu", "memory"), [("1 vCPU", "2 GB"), ("1vcpu", "2GB"), ("1024", "2048")])
def test_vcpus_and_gigabytes_become_units(cpu: str, memory: str) -> None:
    made = register(**fargate(cpu=cpu, memory=memory))
    assert (made["cpu"], made["memory"]) == ("1024", "2048")


def test_windows_needs_a_whole_vcpu() -> None:
    windows = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}
    assert refused(runtimePlatform=windows, cpu="512", memory="1024")[0] == "ClientException"
    assert register(**fargate(runtimePlatform=windows, cpu="1024", memory="2048"))["cpu"] == "1024"
