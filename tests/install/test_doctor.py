"""`labkit doctor`: every line says ok, note or problem, and what is not ok names the cure."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit import cli, doctor
from labkit.doctor import NOTE, OK, PROBLEM


def test_here_and_now_nothing_is_a_problem_but_what_is_named(tmp_path: Path) -> None:
    lines = doctor.examine(tmp_path, {"HOME": str(tmp_path)})
    assert [line.name for line in lines] == [
        "Python",
        "Environment",
        "Pinned versions",
        "Kernel",
        "Renderer",
        "Ports",
        "AWS credentials",
        "Disk",
        "Workbook folder",
        "Progress",
    ]
    assert all(line.cure for line in lines if line.state != OK)
    assert not any(line.cure for line in lines if line.state == OK)


def test_a_problem_is_status_1_and_json_says_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [doctor.Line("Disk", PROBLEM, "3 MB free", "Make room."), doctor.Line("Ports", OK, "free")]
    monkeypatch.setattr(doctor, "examine", lambda folder, variables: lines)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().out == (
        "problem Disk: 3 MB free\n        -> Make room.\nok      Ports: free\n"
    )
    assert cli.main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["version"] == 1
    assert told["lines"][0] == {"name": "Disk", "state": "problem", "seen": "3 MB free", "cure": "Make room."}
    monkeypatch.setattr(doctor, "examine", lambda folder, variables: lines[1:])
    assert cli.main(["doctor"]) == 0


def test_an_environment_that_is_not_made_yet_is_no_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "clone_root", lambda: tmp_path)
    monkeypatch.setattr(doctor, "unmet", lambda root: ["moto 5.2.5 (has none)"])
    monkeypatch.setattr(doctor, "misfits", lambda: {"moto": None})
    for look in (doctor.environment, doctor.pinned_versions, doctor.kernel):
        assert look().state == NOTE
    (tmp_path / ".venv").mkdir()
    assert doctor.environment().state == PROBLEM
    assert doctor.environment().cure == "Run `python -m labkit doctor --repair`."


def test_another_moto_is_a_problem_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_is_made", lambda: True)
    monkeypatch.setattr(doctor, "misfits", lambda: {"moto": "5.1.0"})
    line = doctor.pinned_versions()
    assert (line.state, line.seen) == (PROBLEM, "moto 5.1.0")
    assert "pip install moto==5.2.5" in line.cure


@pytest.mark.parametrize(
    ("program", "state"),
    [("python", OK), (sys.executable, OK), (str(Path(sys.prefix) / "elsewhere" / "python"), PROBLEM)],
)
def test_a_kernel_of_another_environment_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, program: str, state: str
) -> None:
    kernelspec = pytest.importorskip("jupyter_client.kernelspec")
    monkeypatch.setattr(doctor, "_is_made", lambda: True)
    spec = SimpleNamespace(argv=[program, "-m", "ipykernel_launcher"])
    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", lambda self, name: spec)
    assert doctor.kernel().state == state


def test_no_kernel_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspec = pytest.importorskip("jupyter_client.kernelspec")

    def none(self: object, name: str) -> None:
        raise kernelspec.NoSuchKernel(name)

    monkeypatch.setattr(doctor, "_is_made", lambda: True)
    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", none)
    assert "ipykernel install --sys-prefix" in doctor.kernel().cure


def test_real_credentials_are_noted_and_never_printed(tmp_path: Path) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        "[work]\naws_access_key_id = AKIAVERYREAL\naws_secret_access_key = s\n"
    )
    variables = {
        "HOME": str(tmp_path),
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_ENDPOINT_URL_SQS": "http://else.where",
    }
    line = doctor.credentials(variables)
    assert line.state == NOTE
    assert "AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_SQS, profile work in" in line.seen
    assert "the labs use a simulated account and never these" in line.cure
    assert not any(secret in line.seen + line.cure for secret in ("AKIAVERYREAL", "hush", "else.where"))
    assert doctor.credentials({"HOME": str(tmp_path / "nobody")}).state == OK


def test_an_aws_file_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"no section\xff")
    assert doctor.credentials({"HOME": "/", "AWS_CONFIG_FILE": str(tmp_path / "broken")}).state == OK


def test_a_full_disk_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5_000_000))
    assert doctor.disk(tmp_path).seen == "5 MB free"
    assert doctor.disk(tmp_path).state == PROBLEM


def test_a_read_only_folder_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(**kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    line = doctor.writable(tmp_path)
    assert line.state == PROBLEM
    assert "labkit init my-workbook" in line.cure


def test_no_port_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, address: tuple[str, int]) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(doctor.socket.socket, "bind", refuse)
    assert doctor.ports().state == PROBLEM


def test_the_renderer_named_must_start(tmp_path: Path) -> None:
    assert doctor.renderer({"LABKIT_DOT": str(tmp_path / "no-dot")}).state == PROBLEM
    assert doctor.renderer({"LABKIT_DOT": sys.executable}).state == OK
    assert doctor.renderer({}).state in {OK, NOTE}


def test_progress_that_is_not_there_yet_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    line = doctor.progress()
    assert line.state == OK
    assert str(tmp_path / "progress.json") in line.seen


@pytest.mark.parametrize("text", ['{"labs": ', "[]", "\x00"])
def test_a_corrupt_progress_file_is_a_problem_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    path = tmp_path / "progress.json"
    path.write_text(text)
    line = doctor.progress()
    assert line.state == PROBLEM
    assert "nothing is deleted" in line.cure
    assert path.read_text() == text


def test_a_read_only_progress_file_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    (tmp_path / "progress.json").write_text('{"version": 1, "labs": {}}')
    assert doctor.progress().state == OK
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)  # root may write everywhere
    assert "is read-only" in doctor.progress().seen


def test_a_look_that_fails_is_a_line_like_the_others() -> None:
    def disk() -> doctor.Line:
        raise OSError("no such device")

    line = doctor._safely(disk)
    assert (line.name, line.state) == ("Disk", PROBLEM)
    assert "no such device" in line.seen
