"""Orchard Market's user service: answers GET /users/NAME, and greets with a template from S3 when it has a bucket."""

VERSION = "1.0"
PORT = 8080
STARTS_IN = 2.0
MEMORY = 120
MEMORY_PER_REQUEST = 0.5
CPU = 0.01
CPU_PER_REQUEST = 0.004
LATENCY = 0.006
STOPS_IN = 1.0
SIZE = 58
PACKAGES = {"openssl": "3.0.17", "bash": "5.2.15", "xz-utils": "5.4.1"}


def main(box):
    box.log(f"user {VERSION} listens on port {PORT}")


def handle(request, box):
    if request.path == "/health":
        return {"statusCode": 200, "body": "ok"}
    try:
        greeting = template(box)
    except Exception as error:
        box.log(f"ERROR no template: {error}")
        return {"statusCode": 500, "body": "The template cannot be read."}
    if "X-Request-Id" in request.headers:
        box.log(
            f"{request.method} {request.path} request={request.headers['X-Request-Id']} version={VERSION}"
        )
    return {"statusCode": 200, "body": greeting.replace("NAME", request.path.rpartition("/")[2] or "friend")}


def template(box):
    """Read once for each container, in the rights of the task role."""
    bucket = box.environment.get("TEMPLATE_BUCKET")
    if bucket is None:
        return "Hello NAME"
    if "template" not in box.state:
        key = box.environment.get("TEMPLATE_KEY", "user.html")
        box.state["template"] = box.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    return box.state["template"]


def on_sigterm(box):
    box.log("user: SIGTERM, finishing what is open")
