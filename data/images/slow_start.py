"""A service that needs 90 seconds from its start until it listens: it fills a cache first."""

VERSION = "1.0"
PORT = 8080
STARTS_IN = 90.0
MEMORY = 400
CPU = 0.05
CPU_PER_REQUEST = 0.004
LATENCY = 0.005
STOPS_IN = 2.0
SIZE = 120


def main(box):
    box.log(f"slow_start {VERSION} fills its cache; it listens in {STARTS_IN:.0f} seconds")


def handle(request, box):
    return {"statusCode": 200, "body": "ok"}
