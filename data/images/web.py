"""Orchard Market's shop front: small pages, light on everything. GET / answers with its colour and version."""

VERSION = "1.0"
COLOUR = "green"
PORT = 8080
STARTS_IN = 1.5
MEMORY = 70
MEMORY_PER_REQUEST = 0.3
CPU = 0.005
CPU_PER_REQUEST = 0.002
LATENCY = 0.003
STOPS_IN = 0.5
SIZE = 44
PACKAGES = {"openssl": "3.0.17", "bash": "5.2.15", "xz-utils": "5.4.1"}


def main(box):
    box.log(f"web {VERSION} ({COLOUR}) listens on port {PORT}")


def handle(request, box):
    if request.path == "/health":
        return {"statusCode": 200, "body": "ok"}
    if "X-Request-Id" in request.headers:
        box.log(
            f"{request.method} {request.path} request={request.headers['X-Request-Id']} version={VERSION}"
        )
    return {"statusCode": 200, "body": f"Orchard Market, {COLOUR}, version {VERSION}"}


def on_sigterm(box):
    box.log("web: SIGTERM")
