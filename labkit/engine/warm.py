"""What the prepared process loads before it forks, so that no notebook loads it again.

Loading is done by using: an account is opened, one client of each AWS service of the course is made and called
once, and the account is closed. What that leaves behind in modules is put back, so that a notebook finds
them as if they were new.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterable
from typing import Any, Final

MODULES: Final = (
    "asyncio",
    "concurrent.futures",
    "dateutil.tz",
    "html",
    "IPython.display",
    "json",
    "labkit",
    "labkit.lab",
    "labkit.course.catalogue",
    "labkit.judging",
    "labkit.judging.run",
    "labkit.judging.render",
    "labkit.notebook.cards",
    "labkit.notebook.diagnose",
    "labkit.notebook.help",
    "labkit.notebook.steps",
    "labkit.notebook.tracetable",
    "multiprocessing",
    "sqlite3",
    "statistics",
    "textwrap",
    "unittest.mock",
    "zipfile",
)
"""Loaded in any case. A name that is not there is passed over: it is a gain, never a need."""

CALLS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "dynamodb": ("list_tables", {}),
    "ecr": ("describe_repositories", {}),
    "ecs": ("list_clusters", {}),
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
    "sts": ("get_caller_identity", {}),
}
"""One call for each service that only looks."""


def load(services: Iterable[str]) -> None:
    """Load everything, and leave no sign of it."""
    environ = dict(os.environ)
    for name in MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _use_account([name for name in dict.fromkeys(services) if name in CALLS])
    os.environ.clear()
    os.environ.update(environ)
    for module in list(sys.modules.values()):
        registry = getattr(module, "__warningregistry__", None)
        if isinstance(registry, dict):
            registry.clear()


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
