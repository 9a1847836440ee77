"""What the prepared process loads before it forks, so that no notebook loads it again.

Loading is done by using: an account is opened, one client of each AWS service of the course is made and called
once, and the account is closed. What that leaves behind in modules is put back, so that a notebook finds
them as if they were new.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import re
import sys
from collections.abc import Iterable
from typing import Any, Final

MODULES: Final = (
    "asyncio",
    "concurrent.futures",
    "dateutil.tz",
    "html",
    "filelock",
    "IPython.display",
    "ipywidgets",
    "json",
    "labkit.lab",
    "labkit.course.*",
    "labkit.judging.*",
    "labkit.notebook.*",
    "multiprocessing",
    "sqlite3",
    "statistics",
    "textwrap",
    "unittest.mock",
    "zipfile",
)
"""Loaded in any case; `.*` stands for all modules of a package. A name that is not there is passed over: each is
a gain, never a need."""

WORDS: Final[dict[str, tuple[str, ...]]] = {
    "draw": ("graphviz", "labkit.drawing.*", "labkit.drawing.services.*"),
    "live": ("labkit.drawing.*", "labkit.drawing.lanes.*"),
    "timeline": (
        "labkit.drawing.*",
        "labkit.drawing.lanes.*",
        "matplotlib.backends.backend_svg",
        "matplotlib.pyplot",
    ),
    "matplotlib": ("matplotlib.pyplot",),
    "workload": ("labkit.workload.*",),
    "enforce": ("labkit.sandbox.authorization.*", "labkit.sandbox.enforcement.*"),
    "check": (
        "labkit.sandbox.authorization.*",
        "labkit.sandbox.enforcement.*",
        "moto.iam.access_control",
        "moto.iam.policy_conditions",
        "moto.iam.responses",
        "moto.iam.urls",
    ),
    "bill": ("labkit.cost.*", "labkit.cost.services.*"),
    "price": ("labkit.cost.*", "labkit.cost.services.*"),
    "ecs": ("labkit.cost.compute", "labkit.sandbox.fleet.*"),
}
"""Loaded when a notebook's code has the word."""

CALLS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "dynamodb": ("list_tables", {}),
    "ec2": ("describe_key_pairs", {}),
    "ecr": ("describe_repositories", {}),
    "ecs": ("list_clusters", {}),
    "elbv2": ("describe_load_balancers", {}),
    "events": ("list_rules", {}),
    "iam": ("list_roles", {}),
    "kms": ("list_keys", {}),
    "lambda": ("list_functions", {}),
    "logs": ("describe_log_groups", {}),
    "pipes": ("list_pipes", {}),
    "s3": ("list_buckets", {}),
    "scheduler": ("list_schedules", {}),
    "sns": ("list_topics", {}),
    "sqs": ("list_queues", {}),
    "stepfunctions": ("list_state_machines", {}),
    "sts": ("get_caller_identity", {}),
}
"""One call for each service that only looks."""


def load_base() -> None:
    """Load what every lab needs, once."""
    _import_all(MODULES)
    _show_an_error()


def needs(code: str) -> list[str]:
    """What a notebook with this code needs: the words and services for `load`."""
    named = set(re.findall(r"""["'](\w+)["']""", code))
    words = set(re.findall(r"\w+", code))
    return [name for name in CALLS if name in named] + [word for word in WORDS if word in words]


def load(wanted: Iterable[str]) -> None:
    """Load what these AWS services and words stand for, and leave no sign of it."""
    environ = dict(os.environ)
    for word in wanted:
        _import_all(WORDS.get(word, ()))
    if services := [name for name in wanted if name in CALLS]:
        _use_account(services)
    os.environ.clear()
    os.environ.update(environ)
    for module in list(sys.modules.values()):
        registry = getattr(module, "__warningregistry__", None)
        if isinstance(registry, dict):
            registry.clear()


def _import_all(names: Iterable[str]) -> None:
    for name in names:
        package, star, _ = name.partition(".*")
        with contextlib.suppress(ImportError):
            module = importlib.import_module(package)
            for found in pkgutil.iter_modules(module.__path__) if star else ():
                with contextlib.suppress(ImportError):
                    importlib.import_module(f"{package}.{found.name}")


def _show_an_error() -> None:
    """The first traceback loads what colours it: a third of a second."""
    from IPython import get_ipython

    try:
        raise ValueError
    except ValueError:
        get_ipython().InteractiveTB.structured_traceback(*sys.exc_info())


def _use_account(services: list[str]) -> None:
    import boto3

    from labkit.sandbox import Sandbox, state

    with Sandbox() as sandbox:
        for name in services:
            call, values = CALLS[name]
            with contextlib.suppress(Exception):  # a service that does not answer is loaded all the same
                getattr(boto3.client(name, region_name=sandbox.region), call)(**values)
        state.empty()
    boto3.DEFAULT_SESSION = None
