"""`lab.images`: the programs that container images of a lab hold, and pushing them to Amazon ECR."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.errors import NotFound, UsageError
from labkit.judging.card import Card, code, esc, prose, wrap
from labkit.judging.style import page
from labkit.notebook.cards import head
from labkit.sandbox.fleet import images as programs

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox


@dataclass(frozen=True, eq=False, repr=False)
class Listing(Card):
    """The text of a program."""

    name: str
    source: str

    def html(self) -> str:
        """The program as HTML."""
        return page(f"{head('IMAGE', self.name)}<pre>{esc(self.source.rstrip())}</pre>", label=self.name)

    def text(self) -> str:
        """The program as it stands."""
        return self.source.rstrip()


class Images(Card):
    """The images of this lab. Made by `lab.images`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._own: dict[str, str] = {}

    def names(self) -> list[str]:
        """What can be pushed by name: the lab's programs, and those you wrote."""
        return sorted({*programs.names(), *self._own})

    def push(
        self, name: str, repository: str, tag: str | None = "latest", *, client: Any = None, **changes: Any
    ) -> str:
        """Push an image to Amazon ECR, as `docker push` does; its digest comes back.

        `name` is one of `names()`, or the text of a program. `repository` is a repositoryUri, or a repository's name.
        `changes` are other values for the program's constants: `version="2.0"` makes another image of it. With
        `client`, an ECR client, somebody else pushes than you. Raises `ClientError` for what ECR refuses.
        """
        import boto3

        from labkit.workload.pushing import push

        if not self._sandbox.running:
            raise UsageError("The account of this lab is closed. Open the lab again, then push.")
        return push(
            lambda region: client if client is not None else boto3.client("ecr", region_name=region or None),
            self._own.get(name, name) if isinstance(name, str) else name,
            repository,
            tag,
            **changes,
        )

    def write(self, name: str, source: str, **changes: Any) -> Listing:
        """Keep a program of your own under a name, so that it can be pushed. Says at once when it cannot run."""
        from labkit.workload.pushing import image_of

        if not isinstance(name, str) or not name.isidentifier():
            raise UsageError(f"Give the program a name such as my_service. {name!r} is none.")
        if not isinstance(source, str) or not source.strip():
            raise UsageError(
                "A program is a text, such as 'PORT = 8080\\n'. `lab.images.show(\"web\")` shows one."
            )
        text = source if source.endswith("\n") else source + "\n"
        image_of(text, changes)
        self._own[name] = programs.changed(text, changes)
        return self.show(name)

    def show(self, name: str) -> Listing:
        """The text of a program. Raises `NotFound` for an unknown name."""
        if name in self._own:
            return Listing(name, self._own[name])
        if name not in programs.names():
            raise NotFound("image", str(name), self.names())
        return Listing(name, programs.source(name))

    def _rows(self) -> list[tuple[str, str]]:
        own = [(name, programs.about(text) or "a program of your own") for name, text in self._own.items()]
        rest = [(name, programs.about(programs.source(name))) for name in programs.names()]
        return sorted({**dict(rest), **dict(own)}.items())

    def html(self) -> str:
        """The programs as HTML."""
        rows = "".join(f"<tr><td>{code(name)}</td><td>{prose(text)}</td></tr>" for name, text in self._rows())
        call = 'lab.images.push("user", repository_uri, tag="1.0")'
        table = f"<table><tbody>{rows}</tbody></table>"
        return page(f"{head('IMAGES', 'Programs to push')}{table}<p>{code(call)}</p>", label="Images")

    def text(self) -> str:
        """The programs as text."""
        wide = max(len(name) for name, _ in self._rows())
        lines = [wrap(text, f"{name:<{wide}}  ") for name, text in self._rows()]
        return "\n".join([*lines, "", 'lab.images.push("user", repository_uri, tag="1.0")'])


class HasImages(ABC):
    """What `Lab` inherits: its images."""

    _sandbox: Sandbox
    _images: Images | None = None

    @abstractmethod
    def _require_open(self) -> None:
        """Raise `LabkitError` when the account is closed."""

    @property
    def images(self) -> Images:
        """Programs for container images: `lab.images.push("user", repository_uri, tag="1.0")`."""
        self._require_open()
        if self._images is None:
            self._images = Images(self._sandbox)
        return self._images
