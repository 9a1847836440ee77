"""How long until the first answer of SQS, in a fresh process?

    python tests/benchmarks/bench_open.py [ROUNDS]

Peer: bare moto (`import boto3; mock_aws().start()`, one SQS call). Goal: at most 0.9 times that.
"""

from __future__ import annotations

import sys

from side_by_side import interleaved, table

CLOCK = "import time; began = time.{clock}()\n"
ANSWER = "print((time.{clock}() - began) * 1000)\n"
FIRST_CALL = "boto3.client('sqs', region_name='eu-west-1').create_queue(QueueName='orders')\n"

PROGRAMS = {
    "bare moto": CLOCK
    + "import boto3\nfrom moto import mock_aws\nmock_aws().start()\n"
    + FIRST_CALL
    + ANSWER,
    'labkit.open("16")': CLOCK
    + "import labkit\nlab = labkit.open('16')\nimport boto3\n"
    + FIRST_CALL
    + ANSWER,
    "the sandbox alone": CLOCK
    + "from labkit.sandbox import Sandbox\nsandbox = Sandbox().start()\nimport boto3\n"
    + FIRST_CALL
    + ANSWER,
}

if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    for clock, name in (("perf_counter", "wall time"), ("process_time", "processor time")):
        programs = {peer: program.replace("{clock}", clock) for peer, program in PROGRAMS.items()}
        print(f"Opening a lab, cold process, {name}, {rounds} interleaved rounds")
        print(table(interleaved(programs, rounds), "bare moto", goal={'labkit.open("16")': 0.9}))
