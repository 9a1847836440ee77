"""Orchard Market's payment service: waits long for a bank, and uses little CPU. POST /payments."""

VERSION = "1.0"
PORT = 8080
STARTS_IN = 6.0
MEMORY = 300
MEMORY_PER_REQUEST = 2.0
CPU = 0.01
CPU_PER_REQUEST = 0.006
LATENCY = 0.180
STOPS_IN = 8.0
SIZE = 142
PACKAGES = {"openssl": "3.0.17", "bash": "5.2.15", "xz-utils": "5.4.1"}


def main(box):
    box.log(f"payment {VERSION} listens on port {PORT}")


def handle(request, box):
    if request.path == "/health":
        return {"statusCode": 200, "body": "ok"}
    if "X-Request-Id" in request.headers:
        box.log(
            f"{request.method} {request.path} request={request.headers['X-Request-Id']} version={VERSION}"
        )
    return {"statusCode": 200, "body": "paid"}


def on_sigterm(box):
    box.log("payment: SIGTERM, waiting for the bank's last answers")
