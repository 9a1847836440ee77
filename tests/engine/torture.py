"""A notebook of everything that is hard to execute faithfully. Each entry is a cell, or (tags, cell).

What programs write past Python reaches a stock kernel by a thread: cells that mix both wait a moment for it.
"""

from __future__ import annotations

from typing import Any

RAISES = "raises-exception"

# ruff: noqa: E501
CELLS: list[str | tuple[list[str], str]] = [
    "x = 41\nx + 1",
    "None",
    "",
    "# only a comment",
    "print('out')\nimport sys\nprint('err', file=sys.stderr)\nprint('out again')",
    "print('no newline', end='')",
    "sys.stdout.write('written')",
    "print('a', flush=True)\nprint('b', flush=True)",
    "import time\nprint('early')\ntime.sleep(0.3)\nprint('late')",
    "from IPython.display import HTML, Image, Javascript, JSON, Latex, Markdown, SVG, clear_output, display",
    "display(HTML('<b>bold</b>'), Markdown('# title'), Latex('$x$'), JSON({'a': [1, None]}), Javascript('1'))",
    'display(SVG(\'<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>\'))',
    "Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + b'0' * 40, format='png')",
    "display({'text/plain': 'p', 'application/vnd.own+json': {'a': 1}}, raw=True, metadata={'own': True})",
    "class Rich:\n"
    "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
    "        return {'text/html': '<i>r</i>', 'text/plain': 'r'}, {'text/html': {'isolated': True}}\n"
    "Rich()",
    "class Broken:\n    def __repr__(self):\n        raise ValueError('no repr')",
    ([RAISES], "Broken()"),
    "handle = display('first', display_id='one')",
    "handle.update('second')",
    "display('again', display_id='one')\ndisplay('other', display_id='two')",
    "from IPython.display import update_display\nupdate_display('third', display_id='one')",
    "print('gone')\nclear_output()\nprint('stays')",
    "print('gone later')\nclear_output(wait=True)\nprint('replaces')",
    "display('gone', display_id='three')\nclear_output(wait=True)\nprint('waits for ever')",
    "for step in range(3):\n    clear_output(wait=True)\n    display(step)",
    "import asyncio\nawait asyncio.sleep(0.01)\nprint('awaited')\n'value'",
    "async def later():\n    await asyncio.sleep(0.05)\n    print('task')\ntask = asyncio.create_task(later())",
    "await task\nprint(task.done())",
    "asyncio.get_running_loop().is_running()",
    ([RAISES], "coroutine = later()\ntry:\n    asyncio.run(coroutine)\nfinally:\n    coroutine.close()"),
    "async def gen():\n    yield 1\n    yield 2\n[item async for item in gen()]",
    "import contextvars\nvariable = contextvars.ContextVar('variable', default=0)\n_ = variable.set(5)",
    "variable.get()",
    "import threading\n"
    "threads = [threading.Thread(target=print, args=(f't{n}',)) for n in range(3)]\n"
    "for one in threads:\n    one.start()\n    one.join()",
    "def shout():\n    display('from a thread')\nother = threading.Thread(target=shout)\nother.start()\nother.join()",
    "def fail():\n    raise RuntimeError('in a thread')\n"
    "other = threading.Thread(target=fail, name='failing')\nother.start()\nother.join()",
    "!echo shell",
    "lines = !printf 'a\\nb\\n'\nlines",
    "!exit 3",
    "_exit_code",
    "%%bash\necho bash\necho error >&2",
    ([RAISES], "%%bash\nexit 4"),
    "import os\nos.system('echo from the shell')\ntime.sleep(0.25)\nprint('from python')",
    "print('before')\nos.system('echo between')\ntime.sleep(0.25)\nprint('after')",
    "import subprocess\nsubprocess.run(['echo', 'inherits'])\ntime.sleep(0.25)\nprint('then')",
    "subprocess.run(['sh', '-c', 'echo to error >&2'])\ntime.sleep(0.25)",
    "os.write(1, b'raw bytes\\n')\ntime.sleep(0.25)\nprint('and python')",
    "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.puts(b'from C')\nlibc.fflush(None)\ntime.sleep(0.25)\nprint('flushed')",
    "print('wörter — 漢字 🎉')\nos.system('printf \"ü\\\\n\"')\ntime.sleep(0.25)\nprint('\\x1b[31mred\\x1b[0m')",
    "print('x' * 200_000)",
    "for n in range(2000):\n    print(n)",
    "'y' * 100_000",
    "%%capture caught\nprint('captured')\ndisplay('shown')",
    "caught.stdout",
    "caught.show()",
    "from contextlib import redirect_stdout\nimport io\nbuffer = io.StringIO()\nwith redirect_stdout(buffer):\n    print('in')\nbuffer.getvalue()",
    "%time 1 + 1",
    "%who_ls str",
    "%pwd\n1",
    "%history -l 2",
    "%env OWN_NAME=7",
    "print(os.environ['OWN_NAME'])",
    "%lsmagic\nNone",
    ([RAISES], "%nosuchmagic"),
    "print?",
    "%%writefile own.txt\nhello",
    "print(open('own.txt').read())",
    "%%python\nprint('another python')",
    "%%timeit -n1 -r1 -q\n1 + 1",
    "%precision 3\n3.14159",
    "_, __, ___",
    "In[1], Out[1]",
    "1;",
    "x = 3; x",
    ([RAISES], "1 / 0"),
    ([RAISES], "def deep(n):\n    return 1 / n if n == 0 else deep(n - 1)\ndeep(4)"),
    ([RAISES], "try:\n    {}['key']\nexcept KeyError as error:\n    raise ValueError('outer') from error"),
    ([RAISES], "raise ExceptionGroup('many', [ValueError('a'), KeyError('b')])"),
    ([RAISES], "assert x == 4, f'x is {x}'"),
    ([RAISES], "if True\n    pass"),
    ([RAISES], "  bad = indent\n bad"),
    ([RAISES], "undefined_name"),
    ([RAISES], "import json\njson.loads('{')"),
    ([RAISES], "print('before the exit')\nsys.exit(3)"),
    ([RAISES], "raise KeyboardInterrupt"),
    ([RAISES], "import signal\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(1)"),
    ([RAISES], "input('name? ')"),
    ([RAISES], "import getpass\ngetpass.getpass()"),
    "sys.stdin.read()",
    "import warnings\nwarnings.warn('careful')\nwarnings.warn('old', DeprecationWarning)",
    "import logging\nlogging.warning('logged')\nlogging.getLogger('own').error('also')",
    "get_ipython().set_custom_exc((LookupError,), lambda self, kind, value, tb, tb_offset=None: print('own', kind.__name__))",
    ([RAISES], "{}['handled']"),
    "get_ipython().set_custom_exc((), None)",
    (["skip-execution"], "print('skipped')"),
    "import ipywidgets as widgets\nslider = widgets.IntSlider(value=3, description='n')\nslider",
    "slider.value = 5",
    "out = widgets.Output()\nwith out:\n    print('inside')\n    display(HTML('<u>in</u>'))\nout",
    "with out:\n    print('more')\n    raise_inside = 1",
    ([RAISES], "with out:\n    1 / 0"),
    "out.clear_output()",
    "with out:\n    print('new')",
    "len(out.outputs)",
    "box = widgets.VBox([widgets.Button(description='b'), widgets.Text('t')])\ndisplay(box)",
    "widgets.interact(lambda n=2: print('n is', n))\nNone",
    "picture = widgets.Image(value=b'\\x00\\x01binary', format='png')\npicture",
    "from comm import create_comm\n"
    "own = create_comm(target_name='own', data={'a': 1})\nown.send({'b': 2}, buffers=[b'bytes'])\nown.close()",
    "from tqdm.auto import tqdm\nfor _ in tqdm(range(3), disable=False, mininterval=0):\n    pass",
    "pid = os.fork()\nif pid == 0:\n    print('from a forked process', flush=True)\n    os._exit(0)\nos.waitpid(pid, 0)[1]",
    "import multiprocessing\n"
    "context = multiprocessing.get_context('fork')\n"
    "process = context.Process(target=print, args=('from multiprocessing',))\nprocess.start()\nprocess.join()\nprocess.exitcode",
    "import pickle\nclass Own:\n    pass\ntype(pickle.loads(pickle.dumps(Own()))).__name__, __name__, Own.__module__",
    "type(get_ipython()).__name__, type(get_ipython().kernel).__module__, type(sys.stdout).__module__, sys.stdout.isatty()",
    "sys.argv[1:2], sys.path.index('') > 0, get_ipython().config['IPKernelApp'].keys()",
    "sys.displayhook(7)\nprint('shown')",
    "import atexit, tempfile\nos.path.basename(tempfile.gettempprefix())",
    "import functools\n@functools.cache\ndef cached(n):\n    '''Doc.'''\n    return n\ncached(2), cached",
    "get_ipython().events.register('post_run_cell', lambda result: print('after', result.success))",
    "'with an event'",
    "%reset -f",
    ([RAISES], "x"),
    "import matplotlib.pyplot as plt\nfigure = plt.figure(figsize=(1, 1))\nplt.plot([1, 2])\nNone",
    "import matplotlib\nmatplotlib.get_backend()",
]


def notebook(cells: list[Any] = CELLS) -> dict[str, Any]:
    """The cells as a notebook, with a markdown cell in front."""
    made: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Torture"}
    ]
    for place, cell in enumerate(cells):
        tags, source = cell if isinstance(cell, tuple) else ([], cell)
        made.append(
            {
                "cell_type": "code",
                "id": f"cell-{place}",
                "metadata": {"tags": list(tags)} if tags else {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
        )
    spec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
