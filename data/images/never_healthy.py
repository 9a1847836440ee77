"""A service that runs and answers, and never says that it is well: its health page is an error for ever."""

VERSION = "1.0"
PORT = 8080
STARTS_IN = 2.0
MEMORY = 80
CPU = 0.01
CPU_PER_REQUEST = 0.004
LATENCY = 0.005
STOPS_IN = 1.0
SIZE = 50


def main(box):
    box.log(f"never_healthy {VERSION} listens on port {PORT}")


def handle(request, box):
    if request.path == "/health":
        return {"statusCode": 503, "body": "not ready"}
    return {"statusCode": 200, "body": "ok"}


def health(box):
    return False
