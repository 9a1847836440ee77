"""A service that never gives back memory: each request leaves 2 MiB behind, until its limit kills it."""

VERSION = "1.0"
PORT = 8080
STARTS_IN = 2.0
MEMORY = 80
MEMORY_PER_REQUEST = 0.5
LEAKS = 2.0
CPU = 0.01
CPU_PER_REQUEST = 0.004
LATENCY = 0.005
STOPS_IN = 1.0
SIZE = 50


def main(box):
    box.log(f"leaky {VERSION} listens on port {PORT}")


def handle(request, box):
    return {"statusCode": 200, "body": "ok"}
