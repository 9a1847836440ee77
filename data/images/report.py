"""A batch job that uses one whole vCPU for five minutes: the shop's nightly report. It serves nothing."""

VERSION = "1.0"
PORT = None
MEMORY = 900
CPU = 1.0
RUNS_FOR = 300.0
EXIT_CODE = 0
STOPS_IN = 2.0
SIZE = 180
PACKAGES = {"openssl": "3.0.17", "bash": "5.2.15", "xz-utils": "5.4.1"}


def main(box):
    box.log(f"report {VERSION}: reading the orders of {box.environment.get('DAY', 'yesterday')}")


def on_sigterm(box):
    box.log("report: SIGTERM, the report is not complete")
