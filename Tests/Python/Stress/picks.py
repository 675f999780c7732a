"""Processes that pick and return ports at the same time: picks.py PROCESSES PICKS.

Uses the module portpicker that is installed. Each process keeps the last twenty ports
that it picked. Prints how many picks, how many duplicates (a port that another process
had at that moment), and how long it took.
"""

import collections
import multiprocessing
import sys
import tempfile
import time

import portpicker
from marks import Marks

KEPT = 20


def work(path, picks, start, results):
    marks = Marks(path)
    kept = collections.deque()
    own = set()
    duplicates = failures = 0
    start.wait()
    for _ in range(picks):
        try:
            port = portpicker.pick_unused_port()
        except portpicker.NoFreePortFoundError as error:
            failures += 1
            print(error, file=sys.stderr)
            continue
        duplicates += port in own or not marks.take(port)
        own.add(port)
        kept.append(port)
        if len(kept) > KEPT:
            oldest = kept.popleft()
            own.discard(oldest)
            marks.give(oldest)
            portpicker.return_port(oldest)
    results.put((duplicates, failures))
    # The ports end with the process.


def main():
    processes, picks = map(int, sys.argv[1:])
    start, results = multiprocessing.Barrier(processes + 1), multiprocessing.Queue()
    with tempfile.NamedTemporaryFile() as file:
        children = [
            multiprocessing.Process(target=work, args=(file.name, picks, start, results))
            for _ in range(processes)]
        for child in children:
            child.start()
        start.wait()
        began = time.monotonic()
        found = [results.get() for _ in children]
        took = time.monotonic() - began
        for child in children:
            child.join()
    print(f"{processes * picks} picks, {sum(d for d, _ in found)} duplicates, "
          f"{sum(f for _, f in found)} failures, {took:.1f} s")


main()
