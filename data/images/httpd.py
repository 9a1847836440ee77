"""A model of the public web server image httpd, not Apache itself: it answers on port 80 with a short page."""

VERSION = "2.4"
PORT = 80
STARTS_IN = 0.5
MEMORY = 20
MEMORY_PER_REQUEST = 0.1
CPU = 0.002
CPU_PER_REQUEST = 0.0008
LATENCY = 0.001
STOPS_IN = 0.5
HEALTH_PATH = "/"
SIZE = 60


def main(box):
    box.log("httpd (a model of it): resuming normal operations")


def handle(request, box):
    if request.path in ("/", "/index.html"):
        return {"statusCode": 200, "body": "<h1>It works!</h1><p>A model of httpd, in this lab.</p>"}
    return {"statusCode": 404, "body": "404 Not Found"}
