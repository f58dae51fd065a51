"""A worker process of the local pool: takes tasks from a socket, sends outcomes back.

Started as ``python -m neurosim.sweep.worker FD PARENT MEMORY``, not by forking, so that it holds
nothing of the parent's and does not import the parent's main program again.  It must not outlive
its parent: the kernel is asked to end it (Linux), and a thread watches the parent's number.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection

WATCH_S = 0.25
_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """End this process when its parent has ended, by whatever means."""
    with suppress(OSError, AttributeError):  # not Linux: the thread alone does it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)


def main(arguments: list[str]) -> None:
    """Serve until the socket closes."""
    descriptor, parent, memory = (int(text) for text in arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    die_with(parent)
    from neurosim.sweep.task import Runner

    runner = Runner(memory or None)
    connection = Connection(descriptor)
    with suppress(EOFError, OSError):  # the parent has gone, or is done with us
        while True:
            connection.send(runner.run(connection.recv()))


if __name__ == "__main__":
    main(sys.argv[1:])
