"""A service that needs the environment variable DATABASE_URL, and ends with a traceback and exit code 1 without it."""

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
    box.log(f"crash {VERSION} starts")
    database = box.environment["DATABASE_URL"]
    box.log(f"connected to {database}")


def handle(request, box):
    return {"statusCode": 200, "body": "ok"}
