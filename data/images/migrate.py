"""A job that changes the shop's database and ends with exit code 0 after 20 seconds. It serves nothing."""

VERSION = "1.0"
PORT = None
MEMORY = 90
CPU = 0.2
RUNS_FOR = 20.0
EXIT_CODE = 0
STOPS_IN = 1.0
SIZE = 61
PACKAGES = {"openssl": "3.0.17", "bash": "5.2.15", "xz-utils": "5.4.1"}


def main(box):
    box.log(
        f"migrate {VERSION}: from schema {box.environment.get('FROM', '7')} to {box.environment.get('TO', '8')}"
    )


def check(box):
    """Another entry point: command ["check"] looks, changes nothing, and ends at once."""
    box.log("migrate: the schema would change from 7 to 8")
    box.exit(0)


COMMANDS = {"check": check}
