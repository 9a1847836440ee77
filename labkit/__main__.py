"""`python -m labkit`: says so when Python is too old, otherwise hands over to the bootstrap.

Keeps to the syntax of Python 3.6, so that an old Python prints a sentence and not a SyntaxError.
"""

import sys

OLDEST = (3, 11)


def main() -> int:
    """Run one labkit command. Returns the exit status: 2 when this Python is too old."""
    if sys.version_info < OLDEST:
        words = "labkit: This is Python {}.{}, but labkit needs {}.{} or newer: ".format(
            *sys.version_info[:2], *OLDEST
        )
        words += "install a newer one from python.org and run the same command with it "
        sys.stderr.write(words + "(for example: python3.13 -m labkit; on Windows: py -3.13 -m labkit).\n")
        return 2
    from labkit.bootstrap import main as bootstrap

    return bootstrap(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
