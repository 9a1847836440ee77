"""Runs notebooks fast and apart: each in a process of its own, forked from one prepared process.

    zygote.py     the prepared process: one thread, everything loaded, forks a child for each notebook
    warm.py       what is loaded before the first fork, and how it is made to look untouched
    kernel.py     the IPython kernel inside a child; streams.py its standard output and error
    wire.py       frames over a socket pair, which stand for Jupyter's channels
    assembler.py  messages of the kernel -> outputs of cells, as nbclient puts them together
    play.py       one notebook being played: which cell runs, what stopped it
    host.py       the parent's side: plays notebooks side by side, keeps the limits
    launch.py     starts the prepared process; resident.py finds one that stays from command to command
    plain.py      the same by papermill's own engine, where forking is not possible
    plugin.py     the engine under papermill's own name for such things: `papermill --engine labkit`
    fidelity.py   compares two executed notebooks

Needs `os.fork` and passing of open files between processes: Linux and macOS (macOS is not measured).
"""
