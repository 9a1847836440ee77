"""Lambda: functions, what invokes them, where their failures go, and the role they work with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from labkit.drawing.scene import Scene
from labkit.drawing.services._mappings import batches, filters

CALLS: Final = ("Invoke", "InvokeAsync", "InvokeWithResponseStream")
_OUTCOMES: Final = {"OnSuccess": ("on success", "request"), "OnFailure": ("on failure", "failure")}


def show(scene: Scene, backend: Any) -> None:
    """Functions and event source mappings."""
    storage = backend._lambdas
    for name in list(storage._functions):
        function = storage._functions[name]["latest"]
        if function is not None:
            _show_function(scene, function)
    for mapping in backend._event_source_mappings.values():
        _show_mapping(scene, mapping)


def _show_mapping(scene: Scene, mapping: Any) -> None:
    said, more = filters(mapping.filter_criteria)
    label = batches(mapping.batch_size, getattr(mapping, "max_batch_window", None))
    scene.link(
        mapping.event_source_arn, mapping.function_arn, ", ".join(filter(None, (label, said))),
        off=not mapping.enabled, more=more,
    )  # fmt: skip
    scene.leads(mapping.function_arn, mapping.destination_config, "OnFailure", "Destination")


def _show_function(scene: Scene, function: Any) -> None:
    arn = function.function_arn.removesuffix(":$LATEST")
    detail = f"{function.run_time or 'image'}, {function.memory_size} MB, {function.timeout} s"
    aliases = (function.function_name, f"/aws/lambda/{function.function_name}")
    off = str(function.reserved_concurrency) == "0"
    scene.resource(arn, "function", function.function_name, detail, aliases=aliases, off=off)
    scene.assumes(arn, function.role)
    settings: Mapping[str, Any] = getattr(function, "labkit_settings", {})
    scene.leads(arn, settings, "DeadLetterConfig", "TargetArn")
    for config in getattr(function, "labkit_invoke_configs", {}).values():
        for outcome, (label, style) in _OUTCOMES.items():
            target = (config.get("DestinationConfig") or {}).get(outcome) or {}
            scene.link(arn, target.get("Destination"), label, style=style)
