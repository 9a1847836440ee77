"""Hooks: in place while a sandbox runs, gone afterwards, and each target is still what it was."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.hooks import DECLARED, Hook, fingerprint, hook
from labkit.sandbox.services import SERVICES

CANARIES = Path(__file__).parent / "canaries.json"
"""What each target looked like when its hook was written. Renew with LABKIT_UPDATE=1."""


def _load_all_services() -> dict[str, Hook]:
    with Sandbox():
        for package, names in SERVICES.items():
            importlib.import_module(f"{package}.responses")
            for name in names:
                importlib.import_module(f"labkit.sandbox.services.{name}")
    return {
        target: declared
        for target, declared in DECLARED.items()
        if declared.function.__module__.startswith("labkit.")
    }


HOOKS = _load_all_services()


def test_every_hook_has_a_canary_and_every_canary_a_hook() -> None:
    if os.environ.get("LABKIT_UPDATE"):
        marks = {target: fingerprint(declared) for target, declared in sorted(HOOKS.items())}
        CANARIES.write_text(json.dumps(marks, indent=1) + "\n", encoding="utf-8", newline="\n")
    assert json.loads(CANARIES.read_text(encoding="utf-8")).keys() == HOOKS.keys()


@pytest.fixture(scope="module")
def canaries() -> dict[str, str]:
    found: dict[str, str] = json.loads(CANARIES.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("target", HOOKS)
def test_the_target_is_still_what_the_hook_was_written_for(target: str, canaries: dict[str, str]) -> None:
    assert fingerprint(HOOKS[target]) == canaries[target], (
        f"moto changed {target}. Read the new code, adapt {HOOKS[target].function.__module__}, "
        "then renew the canary with LABKIT_UPDATE=1."
    )


def test_hooks_are_in_place_only_while_the_sandbox_runs() -> None:
    before = {target: declared.original() for target, declared in HOOKS.items()}
    with Sandbox():
        inside = {target: declared.original() for target, declared in HOOKS.items()}
    after = {target: declared.original() for target, declared in HOOKS.items()}
    assert [target for target in HOOKS if inside[target] is before[target]] == []
    assert [target for target in HOOKS if after[target] is not before[target]] == []


def test_a_lab_loads_only_the_services_it_uses() -> None:
    program = (
        "import sys, boto3; from labkit.sandbox import Sandbox; Sandbox().start();"
        "boto3.client('sts').get_caller_identity();"
        "print([m for m in sys.modules if m.startswith(('moto.sqs', 'moto.ecs', 'moto.ec2.'))"
        " or m == 'labkit.sandbox.services.sqs'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_lab_that_uses_sqs_waits_for_nothing_else() -> None:
    program = (
        "import sys, boto3; from labkit.sandbox import Sandbox; Sandbox().start();"
        "boto3.client('sqs').list_queues();"
        "print([m for m in sys.modules if m.startswith(('labkit.sandbox.patterns', 'labkit.sandbox.authorization',"
        " 'labkit.sandbox.runtime', 'labkit.drawing', 'matplotlib', 'graphviz', 'moto.ec2', 'moto.awslambda'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_hooks_reach_a_service_that_was_loaded_before_the_sandbox() -> None:
    importlib.import_module("moto.sts.responses")
    with Sandbox():
        assert boto3.client("sts").get_caller_identity()["Arn"].endswith(":user/learner")


def test_two_hooks_for_one_target_are_refused() -> None:
    target = next(iter(HOOKS))
    with pytest.raises(ValueError, match="hooked already"):
        hook(target)(lambda original: None)


def test_every_service_module_is_a_fidelity_card() -> None:
    for names in SERVICES.values():
        for name in names:
            card = importlib.import_module(f"labkit.sandbox.services.{name}").__doc__ or ""
            for heading in ("Simulated here:", "Differs on AWS:", "Not simulated:"):
                assert heading in card, f"services/{name}.py lacks the paragraph {heading!r}"
