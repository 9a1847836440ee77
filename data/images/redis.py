"""A model of the public image redis, not Redis itself: it keeps words on port 6379, asked as GET and PUT /KEY."""

VERSION = "8.0"
PORT = 6379
STARTS_IN = 0.5
MEMORY = 16
MEMORY_PER_REQUEST = 0.02
CPU = 0.003
CPU_PER_REQUEST = 0.0002
LATENCY = 0.0005
STOPS_IN = 0.5
SIZE = 52


def main(box):
    box.log("redis (a model of it): ready to accept connections")


def handle(request, box):
    if request.path == "/health":
        return {"statusCode": 200, "body": "PONG"}
    key = request.path.strip("/")
    if request.method == "PUT":
        box.state[key] = request.body
        return {"statusCode": 200, "body": "OK"}
    if key in box.state:
        return {"statusCode": 200, "body": box.state[key]}
    return {"statusCode": 404, "body": "(nil)"}
