"""AWS's errors of the ECR API.

The words were seen in AWS's answers where people quote them: the immutable tag in
https://github.com/aws/containers-roadmap/issues/862 (today it ends with "the tag is immutable"). moto carries the
words of the others it knows (moto/ecr/exceptions.py). The rest are ours, around AWS's codes.
"""

from __future__ import annotations

from moto.ecr.exceptions import InvalidParameterException


def refused(code: str, message: str) -> Exception:
    """An error with AWS's code; raise it."""
    # moto finds the service's model by the module of the error's class, so it must be one of ECR's.
    error: Exception = InvalidParameterException(code, message)
    return error


def invalid(parameter: str, why: str) -> Exception:
    return refused(
        "InvalidParameterException",
        f"Invalid parameter at '{parameter}' failed to satisfy constraint: '{why}'",
    )


def no_repository(name: str, registry: str) -> Exception:
    return refused(
        "RepositoryNotFoundException",
        f"The repository with name '{name}' does not exist in the registry with id '{registry}'",
    )


def where(repository: str, registry: str) -> str:
    """How AWS says in which repository."""
    return f"in the repository with name '{repository}' in the registry with id '{registry}'"
