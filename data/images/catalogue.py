"""Orchard Market's catalogue: GET /products, much memory for its index, much CPU for each search."""

VERSION = "1.0"
PORT = 8080
STARTS_IN = 12.0
MEMORY = 700
MEMORY_PER_REQUEST = 3.0
CPU = 0.03
CPU_PER_REQUEST = 0.040
LATENCY = 0.004
STOPS_IN = 2.0
SIZE = 210
PACKAGES = {"openssl": "3.0.17", "bash": "5.2.15", "xz-utils": "5.4.1"}
FRUIT = ("apples", "cherries", "pears", "plums", "quinces")


def main(box):
    box.log(f"catalogue {VERSION}: index of {len(FRUIT)} products read, listens on port {PORT}")


def handle(request, box):
    if request.path == "/health":
        return {"statusCode": 200, "body": "ok"}
    if "X-Request-Id" in request.headers:
        box.log(
            f"{request.method} {request.path} request={request.headers['X-Request-Id']} version={VERSION}"
        )
    return {"statusCode": 200, "body": ", ".join(FRUIT)}


def on_sigterm(box):
    box.log("catalogue: SIGTERM")
