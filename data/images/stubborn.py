"""A service that ignores SIGTERM: whoever stops it waits for the whole stopTimeout, and then it is killed."""

VERSION = "1.0"
PORT = 8080
STARTS_IN = 2.0
MEMORY = 80
CPU = 0.01
CPU_PER_REQUEST = 0.004
LATENCY = 0.005
STOPS_IN = None
SIZE = 50


def main(box):
    box.log(f"stubborn {VERSION} listens on port {PORT}")


def handle(request, box):
    return {"statusCode": 200, "body": "ok"}
