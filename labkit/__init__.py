"""labkit: AWS labs in a notebook, on a simulated account that behaves.

Imports nothing but itself until somebody asks: `python -m labkit` must start on a bare Python, and must also
be read by an old one, to say that it is too old. So this file keeps to the syntax of Python 3.6.
"""

__version__ = "0.1.0"
__all__ = ["Diagram", "Lab", "Sandbox", "__version__", "expected", "open", "progress"]

_HOMES = {
    "open": "labkit.lab",
    "expected": "labkit.lab",
    "progress": "labkit.lab",
    "Lab": "labkit.lab",
    "Diagram": "labkit.drawing.diagram",
    "Sandbox": "labkit.sandbox",
}
# Words of an open lab, for who writes `labkit.check(...)`: they work, or say that no lab is open.
_OF_A_LAB = (
    "check",
    "hint",
    "solution",
    "predict",
    "trace",
    "reset",
    "jump_to",
    "snapshot",
    "restore",
    "draw",
)

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing would cost milliseconds
if TYPE_CHECKING:
    from labkit.drawing.diagram import Diagram
    from labkit.lab import Lab, expected, open, progress
    from labkit.sandbox import Sandbox


def __getattr__(name: str) -> object:
    """Load a public name from its home the first time it is used."""
    if name in _OF_A_LAB:
        from labkit.lab import current_lab

        return getattr(current_lab(), name)
    if name not in _HOMES:
        raise AttributeError("module 'labkit' has no attribute {!r}".format(name))
    from importlib import import_module

    from labkit.loading import lasting

    with lasting():  # once for each name: the next time it is there
        value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    """The public names, also those not loaded yet (for tab completion)."""
    return sorted(set(globals()) | set(_HOMES))
