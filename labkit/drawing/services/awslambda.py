"""Lambda: functions, what invokes them, where their failures go, and the role they assume."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene

CALLS: Final = ("Invoke", "InvokeAsync", "InvokeWithResponseStream")


def show(scene: Scene, backend: Any) -> None:
    """Functions and event source mappings."""
    storage = backend._lambdas
    for name in list(storage._functions):
        function = storage._functions[name]["latest"]
        if function is not None:
            _show_function(scene, function)
    for mapping in backend._event_source_mappings.values():
        batch = f"polled, batch of {mapping.batch_size}" if mapping.batch_size else "polled"
        scene.link(
            mapping.event_source_arn, mapping.function_arn, batch if mapping.enabled else "switched off"
        )
        scene.leads(mapping.function_arn, mapping.destination_config, "OnFailure", "Destination")


def _show_function(scene: Scene, function: Any) -> None:
    arn = function.function_arn.removesuffix(":$LATEST")
    detail = f"{function.run_time or 'image'}, {function.memory_size} MB, {function.timeout} s"
    aliases = (function.function_name, f"/aws/lambda/{function.function_name}")
    scene.resource(arn, "function", function.function_name, detail, aliases=aliases)
    scene.assumes(arn, function.role)
    for config in function.event_invoke_config:
        told = config.response() if hasattr(config, "response") else config
        for outcome, label in (("OnSuccess", "when it succeeds"), ("OnFailure", "when it fails")):
            target = (told.get("DestinationConfig") or {}).get(outcome) or {}
            style = "data" if outcome == "OnFailure" else "request"
            scene.link(arn, target.get("Destination"), label, style=style)
