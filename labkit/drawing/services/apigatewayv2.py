"""API Gateway (HTTP and WebSocket APIs): each API, its routes, and what they call."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene


def show(scene: Scene, backend: Any) -> None:
    """APIs, with one link for each route that has an integration."""
    for api in backend.apis.values():
        scene.resource(api.arn, "apigateway", api.name, f"{api.protocol_type} API", aliases=(api.api_id,))
        for route in api.routes.values():
            integration = api.integrations.get(str(route.target or "").removeprefix("integrations/"))
            if integration is not None:
                scene.link(api.arn, integration.integration_uri, route.route_key)
