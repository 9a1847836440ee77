"""How long until the first answer of a service, in a fresh process?

    python tests/benchmarks/bench_open.py [ROUNDS]

Peer: bare moto (`import boto3; mock_aws().start()`, one call). Goals: SQS at most 0.9 times that, ECS 0.65 times.
"""

from __future__ import annotations

import sys

from side_by_side import interleaved, table

CLOCK = "import time; began = time.{clock}()\n"
ANSWER = "print((time.{clock}() - began) * 1000)\n"
SERVICES = {
    "16": ("sqs", "create_queue(QueueName='orders')", 0.9),
    "01": ("ecs", "create_cluster(clusterName='orchard')", 0.65),
}


def programs(lab: str, clock: str) -> dict[str, str]:
    """What is measured: name -> program, which prints its milliseconds."""
    service, call, _ = SERVICES[lab]
    first = f"boto3.client({service!r}, region_name='eu-west-1').{call}\n"
    ways = {
        "bare moto": "import boto3\nfrom moto import mock_aws\nmock_aws().start()\n",
        f'labkit.open("{lab}")': f"import labkit\nlab = labkit.open({lab!r})\nimport boto3\n",
        "the sandbox alone": "from labkit.sandbox import Sandbox\nsandbox = Sandbox().start()\nimport boto3\n",
    }
    return {name: (CLOCK + way + first + ANSWER).replace("{clock}", clock) for name, way in ways.items()}


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    for lab, (service, _, goal) in SERVICES.items():
        for clock, name in (("perf_counter", "wall time"), ("process_time", "processor time")):
            print(
                f"Opening lab {lab} until {service} answers, cold process, {name}, {rounds} interleaved rounds"
            )
            print(
                table(
                    interleaved(programs(lab, clock), rounds),
                    "bare moto",
                    goal={f'labkit.open("{lab}")': goal},
                )
            )
