"""Orchard Market's order service: POST /orders takes an order, and puts it into a queue when it has one."""

import json

VERSION = "1.0"
PORT = 8080
STARTS_IN = 4.0
MEMORY = 220
MEMORY_PER_REQUEST = 1.0
CPU = 0.02
CPU_PER_REQUEST = 0.012
LATENCY = 0.025
STOPS_IN = 3.0
SIZE = 96
PACKAGES = {"openssl": "3.0.17", "bash": "5.2.15", "xz-utils": "5.4.1"}


def main(box):
    box.log(f"order {VERSION} listens on port {PORT}")


def handle(request, box):
    if request.path == "/health":
        return {"statusCode": 200, "body": "ok"}
    number = f"{box.random.randrange(16**8):08x}"
    if queue := box.environment.get("ORDERS_QUEUE"):
        try:
            box.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps({"order": number}))
        except Exception as error:
            box.log(f"ERROR the order was not queued: {error}")
            return {"statusCode": 503, "body": "Try again."}
    if "X-Request-Id" in request.headers:
        box.log(f"{request.method} {request.path} request={request.headers['X-Request-Id']} order={number}")
    return {"statusCode": 201, "body": json.dumps({"order": number, "version": VERSION})}


def on_sigterm(box):
    box.log("order: SIGTERM, taking no more orders")
