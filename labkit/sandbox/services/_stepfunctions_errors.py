"""AWS's errors of the Step Functions API."""

from __future__ import annotations

from moto.core.exceptions import AWSError


def refused(code: str, message: str) -> AWSError:
    """An error with AWS's code; raise it."""
    return AWSError(message, code)


def no_machine(arn: str) -> AWSError:
    return refused("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def no_execution(arn: str) -> AWSError:
    return refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
