"""A model of the public web server image nginx, not nginx itself: it answers on port 80 with a welcome page."""

VERSION = "1.29"
PORT = 80
STARTS_IN = 0.5
MEMORY = 12
MEMORY_PER_REQUEST = 0.05
CPU = 0.002
CPU_PER_REQUEST = 0.0005
LATENCY = 0.001
STOPS_IN = 0.2
HEALTH_PATH = "/"
SIZE = 72


def main(box):
    box.log("nginx (a model of it): start worker processes")


def handle(request, box):
    if request.path in ("/", "/index.html"):
        return {"statusCode": 200, "body": "<h1>Welcome to nginx!</h1><p>A model of it, in this lab.</p>"}
    return {"statusCode": 404, "body": "404 Not Found"}
