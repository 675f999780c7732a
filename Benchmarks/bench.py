#!/usr/bin/env python3
"""Measures portpicker and portserver beside their peers; run by scripts/bench.

Every comparison is made in one run: its contestants take short turns, in an order
that is drawn anew each round, and what counts is their ratio in the same round. No
time is printed without one.
"""

import argparse
import contextlib
import datetime
import itertools
import json
import os
import platform
import random
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

arguments = argparse.ArgumentParser(
    prog="scripts/bench",
    description="Measures portpicker and portserver beside their peers.")
arguments.add_argument(
    "--rounds", type=int, default=15, help="rounds of each comparison (15)")
arguments.add_argument("--json", help="also write the results to this file")
arguments.add_argument("--in-process", help=argparse.SUPPRESS)
arguments.add_argument("--tools", required=True, help=argparse.SUPPRESS)
arguments.add_argument("--bin", required=True, help=argparse.SUPPRESS)
arguments.add_argument("--python", help=argparse.SUPPRESS)
arguments.add_argument("--module", help=argparse.SUPPRESS)
arguments.add_argument(
    "only", nargs="*", help="only comparisons whose names have one of these")
options = arguments.parse_args()

# Ports that the kernel does not hand out by itself, as long as it is not told to.
FIRST, LAST = 2000, 31999
scratch = tempfile.mkdtemp(prefix="portpicker-bench-", dir="/dev/shm")
results = []


def tool(name):
    return os.path.join(options.tools, name)


def run(*command, **keywords):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True,
        **keywords)
    if done.returncode != 0:
        sys.exit(f"scripts/bench: {command[0]} failed: {done.stderr.strip()}")
    return done.stdout


LEDGER = object()
ledgers = itertools.count()


def run_with_new_ledger(*command, **variables):
    """The words that a program prints that has a ledger of its own, and no server.

    command: its words; LEDGER stands for the path of the ledger. variables: those of
    the environment.
    """
    ledger = f"{scratch}/new-ledger-{next(ledgers)}"
    environment = dict(os.environ, PORTPICKER_LEDGER=ledger, **variables)
    environment.pop("PORTSERVER_ADDRESS", None)
    printed = run(*(ledger if word is LEDGER else word for word in command),
                  env=environment)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(ledger)
    return printed.split()


class Server:
    """A port server that listens; it is killed with the context."""

    number = 0

    def __init__(self, kind, first=FIRST, last=LAST, state=None, wrap=()):
        Server.number += 1
        self.kind = kind
        self.address = f"@portpicker-bench-{os.getpid()}-{Server.number}"
        pool = f"{first}-{last}"
        self.state = state or f"{scratch}/ledger-{Server.number}"
        self.command = list(wrap) + {
            "floor": [tool("floor-server"), self.address, first, last],
            "portserver": [f"{options.bin}/portserver", "--address",
                           self.address, "--pool", pool, "--state", self.state],
            "portserver without ledger": [
                f"{options.bin}/portserver", "--address", self.address, "--pool",
                pool, "--no-state"],
            "original": [
                options.python,
                os.path.join(os.path.dirname(str(options.python)),
                             "portserver.py"),
                "--portserver_address", self.address,
                "--portserver_static_pool", pool],
        }[kind]

    def __enter__(self):
        self.process = subprocess.Popen(
            [str(word) for word in self.command], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        while True:
            try:
                self.connect().close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"scripts/bench: {self.kind} does not start")
                time.sleep(0.0005)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect("\0" + self.address[1:])
        return client

    def ask(self, pid):
        with self.connect() as client:
            client.sendall(b"%d\n" % pid)
            return client.recv(16)

    def load(self, clients, requests, version=1, ports=1, pid=None,
             is_full=False):
        words = run(tool("load"), self.address, clients, requests, version,
                    ports, *([pid] if pid else [])).split()
        rate, median, high, longest = map(float, words[:4])
        if not is_full and self.kind != "original" and int(words[4]) > 0:
            sys.exit("scripts/bench: requests were refused that should not be")
        return {"rate": rate, "p50": median, "p99": high, "max": longest,
                "refused": int(words[4])}

    def memory(self):
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])


@contextlib.contextmanager
def holders(count):
    process = subprocess.Popen(
        [tool("holders"), str(count)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    pids = []
    for line in process.stdout:
        if line == "ready\n":
            break
        pids.append(int(line))
    try:
        yield pids
    finally:
        process.stdin.close()
        process.wait()


def fill(server, pids, leases):
    for number in range(leases):
        if not server.ask(pids[number % len(pids)]):
            sys.exit("scripts/bench: a lease was refused that should not be")


def unused_ports(count):
    """So many ports in a row that nobody uses, the first and the last of them."""
    used = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with contextlib.suppress(FileNotFoundError), \
                open(f"/proc/net/{table}") as file:
            for line in list(file)[1:]:
                used.add(int(line.split()[1].split(":")[1], 16))
    for first in range(FIRST, LAST - count + 2):
        if used.isdisjoint(range(first, first + count)):
            return first, first + count - 1
    sys.exit(f"scripts/bench: there are no {count} unused ports in a row")


def wanted(name):
    return not options.only or any(word in name for word in options.only)


def compare(name, contestants, unit, *, more_is_better=True, goal=None,
            rounds=None, see=None):
    """Measures contestants in turn.

    contestants: functions by name, the first of which is measured against the
    second. goal: what the ratio has to be, at least, or, where less is better, at
    most. see: further comparisons by name, each of one function with another.
    rounds: 1 for what can be counted.
    """
    if not wanted(name):
        return
    values = {key: [] for key in contestants}
    rounds = rounds or options.rounds
    # One more is for the caches.
    for number in range(rounds + (rounds > 1)):
        order = list(contestants)
        random.shuffle(order)
        for key in order:
            value = contestants[key]()
            if number > 0 or rounds == 1:
                values[key].append(value)
    first, second = list(contestants)[:2]
    record(name, unit, first, second, values, more_is_better, goal)
    for title, (one, other) in (see or {}).items():
        record(title, unit, one, other, values, more_is_better, None)


def record(name, unit, subject, base, values, more_is_better=False, goal=None):
    """Records a comparison of what was measured, round by round."""
    ratios = sorted(a / b for a, b in zip(values[subject], values[base]))
    ratio = statistics.median(ratios)
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    reached = None
    if goal is not None:
        reached = ratio >= goal if more_is_better else ratio <= goal
    medians = {key: statistics.median(v) for key, v in values.items()}
    results.append({
        "name": name, "unit": unit, "subject": subject, "against": base,
        "medians": medians, "ratio": ratio, "ratios": ratios, "goal": goal,
        "moreIsBetter": more_is_better, "reached": reached,
    })
    text = ", ".join(f"{key} {value:.4g}" for key, value in medians.items())
    print(f"{name}\n    {ratio:.3f} [{low:.2f}-{high:.2f}]  "
          f"{wish(results[-1])}\n    {unit}: {text}", flush=True)


def bound(name, unit, value, limit):
    """A figure with a limit of its own."""
    if wanted(name):
        record(name, unit, "measured", "limit",
               {"measured": [value], "limit": [limit]}, goal=1)


def wish(result):
    if result["goal"] is None:
        return ""
    sign = "≥" if result["moreIsBetter"] else "≤"
    answer = "yes" if result["reached"] else "**no**"
    return f"{sign} {result['goal']:.3g}, {answer}"


def table():
    """The results, a row each."""
    lines = ["| comparison | of | to | ratio | middle half | wanted |",
             "| --- | --- | --- | --- | --- | --- |"]
    for result in results:
        ratios = result["ratios"]
        spread = "" if len(ratios) < 2 else (
            f"{ratios[len(ratios) // 4]:.2f}–{ratios[-1 - len(ratios) // 4]:.2f}")
        lines.append(
            f"| {result['name']} | {result['subject']} | {result['against']} "
            f"| {result['ratio']:.2f} | {spread} | {wish(result)} |")
    return "\n".join(lines)


# The daemon

def daemon_rates():
    with Server("portserver") as ours, Server("floor") as floor, \
            Server("portserver without ledger") as other:
        for clients, goal in ((1, 0.9), (8, 0.95), (64, 0.95), (256, None)):
            name = f"daemon, version 1, {clients} clients"
            found = []

            def measure(server):
                def body():
                    result = server.load(clients, 4000)
                    if server is ours:
                        found.append(result)
                    return result["rate"]
                return body
            compare(
                f"{name}: rate",
                {"portserver": measure(ours), "floor": measure(floor),
                 "without ledger": measure(other)}, "requests/s", goal=goal,
                see={f"{name}: rate without a ledger": (
                    "without ledger", "floor")})
            latencies(name, found, clients == 64)
    if options.python:
        with Server("portserver") as ours, Server("original") as original:
            compare(
                "daemon, version 1, 8 clients: rate against the original",
                {"portserver": lambda: ours.load(8, 8000)["rate"],
                 "original": lambda: original.load(8, 1600)["rate"]},
                "requests/s", goal=10, rounds=min(options.rounds, 7))


def latencies(name, found, has_goal, keys=("p99", "max")):
    # The first one is for the caches.
    found = found[1:]
    for key, limit in (("p99", 3), ("max", 10)):
        if found and key in keys:
            record(f"{name}: {key} against p50", "µs", key, "p50",
                   {k: [f[k] for f in found] for k in (key, "p50")},
                   goal=limit if has_goal else None)


def daemon_version_two():
    with Server("portserver") as ours, Server("floor") as floor:
        name = "daemon, one connection, port after port: rate"
        compare(
            name,
            {"version 2": lambda: ours.load(1, 4000, 2)["rate"],
             "version 1": lambda: ours.load(1, 4000)["rate"],
             "floor, kept": lambda: floor.load(1, 4000, 2)["rate"],
             "floor": lambda: floor.load(1, 4000)["rate"]},
            "ports/s", goal=2,
            see={f"{name}, of the floor": ("floor, kept", "floor"),
                 f"{name}, against the floor": ("version 2", "floor, kept")})
        compare(
            "daemon, 100 ports in one request: time for a port",
            {"one request": lambda: 1e4 / ours.load(1, 40, 2, 100)["rate"],
             "100 requests": lambda: 1e6 / ours.load(1, 4000, 2)["rate"]},
            "µs", more_is_better=False, goal=1 / 3)
        for clients in (1, 8, 64, 256):
            name = f"daemon, version 2, {clients} clients"
            found = {1: [], 100: []}

            def measure(ports):
                def body():
                    count = 4096 if ports == 1 else max(64, clients)
                    result = ours.load(clients, count, 2, ports)
                    found[ports].append(result)
                    return result["rate"] * ports
                return body
            compare(
                f"{name}: rate",
                {"one at a time": measure(1),
                 "version 1": lambda: ours.load(clients, 4096)["rate"],
                 "100 at a time": measure(100)}, "ports/s",
                see={f"{name}: rate, 100 ports at a time": (
                    "100 at a time", "version 1")})
            latencies(name, found[1], False)
            # So few requests have no 99th percentile.
            latencies(f"{name}, 100 ports at a time", found[100], False, ["max"])


def daemon_refusals():
    for ports, goal in ((10, None), (100, None), (1000, None), (10000, 1)):
        name = f"daemon, full pool of {ports:,}: a refusal against a lease"
        if not wanted(name):
            continue
        with Server("portserver", *unused_ports(ports)) as full, \
                Server("portserver") as empty:
            full.load(8, 8 * ports, pid=os.getpid(), is_full=True)

            def refusal():
                found = full.load(8, 4000, pid=os.getpid(), is_full=True)
                # Others may use some of the ports, for a while.
                if found["refused"] < 3900:
                    sys.exit("scripts/bench: the pool is not full")
                return 1e6 / found["rate"]
            compare(name, {
                "refusal": refusal,
                "lease": lambda: 1e6 / empty.load(8, 4000)["rate"]}, "µs",
                more_is_better=False, goal=goal)


SIZES = ((10, 1), (10, 10), (100, 100), (1000, 1000), (10000, 1), (10000, 10),
         (10000, 100), (10000, 1000), (10000, 5000))


def daemon_sizes():
    """A lease, a start, memory and instructions by leases and holders."""
    for leases, count in SIZES:
        name = f"daemon, {leases:,} leased by {count:,} holders"
        parts = ("a lease", "start", "resident memory", "instructions for a lease")
        if not any(wanted(f"{name}: {part}") for part in parts):
            continue
        with holders(count) as pids, Server("portserver") as full, \
                Server("portserver") as empty:
            fill(full, pids, leases)
            memory = {"full": [full.memory()], "empty": [empty.memory()]}
            if wanted(f"{name}: resident memory"):
                record(f"{name}: resident memory", "kB", "full", "empty", memory)
            if (leases, count) == (10000, 1000):
                bound(f"{name}: resident memory, at most 12 MiB", "kB",
                      memory["full"][0], 12 * 1024)
            compare(f"{name}: a lease", {
                "full": lambda: 1e6 / full.load(1, 2000)["rate"],
                "empty": lambda: 1e6 / empty.load(1, 2000)["rate"]}, "µs",
                more_is_better=False, goal=1.2 if count == 5000 else None)
            compare(f"{name}: instructions for a lease", {
                "full": lambda: instructions(full),
                "empty": lambda: instructions(empty)}, "instructions",
                more_is_better=False, rounds=1)

            def start(state):
                def body():
                    begin = time.perf_counter()
                    with Server("portserver", state=state) as server:
                        # It listens before it has read its ledger.
                        server.ask(os.getpid())
                        return (time.perf_counter() - begin) * 1e3
                return body
            full.__exit__()
            compare(f"{name}: start", {
                "full": start(full.state), "empty": start(f"{scratch}/none")},
                "ms", more_is_better=False, goal=5 if count == 5000 else None)


def daemon_scrapes():
    """What the clients of a daemon notice of its exporter."""
    name = "daemon with 10,000 leases, 8 clients: rate while it is scraped"
    if not wanted(name):
        return
    with holders(1000) as pids, Server("portserver") as ours, \
            exporter(ours) as scrape:
        fill(ours, pids, 10000)

        def measure(path):
            def body():
                # The two loads together take about a second, so that this is one scrape
                # a second. The first gives its ports back before the second begins.
                timer = threading.Timer(0.1, scrape, [path]) if path else None
                if timer:
                    timer.start()
                rates = [ours.load(8, 16000)["rate"] for _ in range(2)]
                if timer:
                    timer.join()
                return statistics.harmonic_mean(rates)
            return body
        compare(
            name, {"/metrics": measure("/metrics"),
                   "not scraped": measure(None), "the page": measure("/")},
            "requests/s", goal=0.98,
            see={f"{name}: the page": ("the page", "not scraped")})


@contextlib.contextmanager
def exporter(server):
    """An exporter of a server; gives a function that asks for one of its paths."""
    process = subprocess.Popen(
        [f"{options.bin}/portserver-exporter", "--server", server.address,
         "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    port = int(line.rstrip("/\n").rsplit(":", 1)[1])

    def ask(path):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
                           "Connection: close\r\n\r\n".encode())
            while client.recv(1 << 20):
                pass
    try:
        yield ask
    finally:
        process.kill()
        process.wait()


def instructions(server):
    """How many instructions of its own a server needs for a lease."""
    server.ask(os.getpid())
    stepper = subprocess.Popen(
        [tool("instructions"), str(server.pid)], stdout=subprocess.PIPE,
        text=True)
    if stepper.stdout.readline() != "ready\n":
        sys.exit("scripts/bench: instructions cannot be counted")
    for _ in range(10):
        server.ask(os.getpid())
    # What it does after the answer belongs to it.
    time.sleep(0.2)
    stepper.terminate()
    # It is over when the server has done something more.
    server.ask(os.getpid())
    return int(stepper.communicate()[0]) / 10


def daemon_instructions():
    with Server("portserver") as ours, Server("floor") as floor:
        compare("daemon, version 1: instructions for a lease",
                {"portserver": lambda: instructions(ours),
                 "floor": lambda: instructions(floor)}, "instructions",
                more_is_better=False, rounds=1)


def daemon_deaths():
    def exit_time():
        child = subprocess.Popen(["sleep", "1000"])
        start = time.perf_counter()
        child.kill()
        child.wait()
        return (time.perf_counter() - start) * 1e6

    for leases, count in ((0, 1), (10000, 5000)):
        name = ("daemon, from a holder's death to its port leased again"
                + (f", {leases:,} leased by {count:,} others" if leases else ""))
        if not wanted(name):
            continue
        with holders(count) as pids, \
                Server("portserver", *unused_ports(leases + 1)) as server:
            fill(server, pids, leases)

            def lease_time():
                child = subprocess.Popen(["sleep", "1000"])
                heir = subprocess.Popen(["sleep", "1000"])
                while not server.ask(child.pid):
                    pass
                start = time.perf_counter()
                child.kill()
                while not server.ask(heir.pid):
                    pass
                elapsed = (time.perf_counter() - start) * 1e6
                heir.kill()
                heir.wait()
                child.wait()
                return elapsed
            compare(name, {"leased again": lease_time, "exit alone": exit_time},
                    "µs", more_is_better=False, rounds=3 * options.rounds)
        median = results[-1]["medians"]["leased again"]
        bound(f"{name}, at most 1 ms", "µs", median, 1000)


def daemon_calls():
    name = "daemon, version 1: system calls for a request"
    if not shutil.which("strace") or not wanted(name):
        return

    def count(kind):
        def body():
            log = f"{scratch}/strace"
            with Server(kind, wrap=["strace", "-f", "-c", "-o", log]) as server:
                server.load(1, 2000)
                # strace(1) passes the signal on, and then writes its summary.
                child = int(run("pgrep", "-P", server.pid).split()[0])
                os.kill(child, signal.SIGTERM)
                server.process.wait()
            with open(log) as file:
                total = [line.split() for line in file if "total" in line][0]
            return int(total[3 if len(total) > 4 else 2]) / 2000
        return body
    compare(name, {"portserver": count("portserver"), "floor": count("floor")},
            "calls", more_is_better=False, rounds=1)


# The library and the command

def embedded():
    for processes, threads, picks, goal in (
            (1, 1, 2000, 1.3), (1, 8, 250, None), (32, 1, 100, 1.3),
            (500, 1, 40, 1.3)):

        def measure(program, *path):
            return lambda: float(run_with_new_ledger(
                tool(program), *path, processes, threads, picks)[0])
        what = (f"{threads} threads" if threads > 1 else
                f"{processes} processes" if processes > 1 else "one thread")
        compare(f"embedded pick, {what}, against the bare calls",
                {"pick": measure("picks"),
                 "bare calls": measure("bare-picks", LEDGER)},
                "µs", more_is_better=False, goal=goal,
                # A turn takes some 30 ms, and the host disturbs many of them.
                rounds=(10 if processes == 1 else 1) * options.rounds)


def crowd():
    """How long the slowest of many processes takes that pick at the same time."""
    # One turn of 32 processes takes little more than a millisecond, and varies.
    def measure(processes):
        return lambda: statistics.median(
            float(run_with_new_ledger(tool("picks"), processes, 1, 1)[1])
            for _ in range(5))
    compare("embedded pick, one in each of 500 processes: the slowest, against that "
            "of 32",
            {"500 processes": measure(500), "32 processes": measure(32)}, "ms",
            more_is_better=False, goal=500 / 32)


def c_library():
    def measure(*words):
        return lambda: float(run_with_new_ledger(*words)[0])
    compare("embedded pick in C, through the C library, against Swift",
            {"C library": measure(tool("c-picks"), 10000),
             "Swift library": measure(tool("picks"), 1, 1, 10000)},
            "µs", more_is_better=False, goal=1.05)


def in_process():
    """What ordo-one/benchmark measures, each round all of it."""
    pairs = {
        "in process, pick and return, against a pick of bare calls":
            ("pick and return", "pick, bare calls"),
        "in process, isPortFree, against two bare binds":
            ("isPortFree", "isPortFree, bare calls"),
        "in process, isPortFree, against the kernel's bind(0)":
            ("isPortFree", "the kernel's bind(0)"),
    }
    if not options.in_process or not any(wanted(name) for name in pairs):
        return
    values = {}
    for _ in range(min(options.rounds, 5)):
        directory = f"{scratch}/in-process"
        run("swift", "package", "--package-path", "Benchmarks", "--scratch-path",
            options.in_process, "--disable-sandbox", "benchmark", "--format",
            "histogramPercentiles", "--time-units", "nanoseconds", "--path",
            directory, "--no-progress")
        for file in os.listdir(directory):
            key = file.split(".")[2].replace("_", " ")
            with open(f"{directory}/{file}") as lines:
                median = [line.split()[1] for line in lines
                          if line.split()[0] == "50"][0]
            values.setdefault(key, []).append(float(median) / 1e3)
    for name, (subject, base) in pairs.items():
        if wanted(name):
            record(name, "µs", subject, base,
                   {key: values[key] for key in (subject, base)})


def command():
    def measure(count, *words):
        return lambda: float(run_with_new_ledger(
            tool("spawn"), count, *words)[0])
    own = measure(100, f"{options.bin}/portpicker", os.getpid())
    compare("command, start to exit, against a program that prints a number",
            {"portpicker": own,
             "C program": measure(100, tool("print-number"))}, "µs",
            more_is_better=False, goal=1.5)
    for program in ("portpicker", "portserver"):
        bound(f"{program}: size, at most 12 MiB", "kB",
              os.path.getsize(f"{options.bin}/{program}") / 1024, 12 * 1024)
    if options.python:
        compare("command, start to exit: the original's time against ours",
                {"python -m portpicker": measure(
                    10, options.python, "-m", "portpicker", os.getpid()),
                 "portpicker": own}, "µs", goal=12,
                rounds=min(options.rounds, 7))


def named_ports():
    """`portpicker name` and `env`, of existing claims, against a pick."""
    place = f"{scratch}/place"
    os.mkdir(place)
    own = f"{options.bin}/portpicker"

    def environment_of(claims):
        environment = dict(os.environ, PORTPICKER_CLAIMS=claims,
                           PORTPICKER_LEDGER=f"{claims}-ledger")
        environment.pop("PORTSERVER_ADDRESS", None)
        return environment

    def measure(environment, *words):
        def body():
            return float(run(tool("spawn"), 100, own, *words, env=environment,
                             cwd=place))
        return body
    for count, goal in ((10, 1.2), (5000, 1.5)):
        name = f"command, an existing name among {count:,} claims, against a pick"
        if not wanted(name):
            continue
        claims = f"{scratch}/claims-{count}"
        with open(claims, "w") as file:
            for index in range(1, count):
                file.write(f"{30000 + index} 1 name-{index % 10} "
                           f"2026-01-02T03:04:05Z {place}-{index // 10}\n")
            file.write(f"30000 1 web 2026-01-02T03:04:05Z {place}\n")
        environment = environment_of(claims)
        # The first creates the ledger, which then has all claims.
        answer = run(own, "name", "web", env=environment, cwd=place)
        if int(answer) != 30000:
            raise SystemExit(f"portpicker name web printed {answer}")
        compare(name, {"portpicker name web": measure(environment, "name", "web"),
                       "portpicker PID": measure(environment, os.getpid())}, "µs",
                more_is_better=False, goal=goal)
    name = "command, the environment of 10 existing names, against a pick"
    if wanted(name):
        with open(f"{place}/.ports", "w") as file:
            file.write("".join(f"service-{index}\n" for index in range(10)))
        environment = environment_of(f"{scratch}/claims-env")
        lines = run(own, "env", env=environment, cwd=place).splitlines()
        if len([line for line in lines if line.startswith("SERVICE_")]) != 10:
            raise SystemExit(f"portpicker env printed {lines}")
        compare(name, {"portpicker env": measure(environment, "env"),
                       "portpicker PID": measure(environment, os.getpid())}, "µs",
                more_is_better=False, goal=1.5)


def python_module():
    """The Python module, in an interpreter of its own each time."""
    if not options.python or not options.module:
        return
    def measure(path, code):
        return lambda: float(run_with_new_ledger(
            options.python, "-c", code, PYTHONPATH=path)[0])

    timer = ("import time; clock = time.perf_counter; start = clock(); {}; "
             "print((clock() - start) / {} * 1e6)")
    load = timer.format("import portpicker", 1)
    first = timer.format("import portpicker; portpicker.pick_unused_port()", 1)
    picks = ("import portpicker; pick = portpicker.pick_unused_port; pick(); "
             + timer.format("[pick() for _ in range(1000)]", 1000))
    returned = ("import portpicker; pick = portpicker.pick_unused_port; pick(); "
                "give = portpicker.return_port; "
                + timer.format("[give(pick()) for _ in range(1000)]", 1000))
    for name, code, goal in (
            ("Python module, a pick", picks, 0.6),
            ("Python module, a pick and its return", returned, None),
            ("Python module, import", load, 1),
            ("Python module, import and the first pick", first, None)):
        compare(name, {"module": measure(options.module, code),
                       "original": measure("", code)}, "µs",
                more_is_better=False, goal=goal)


def main():
    # What is measured needs many processes and descriptors at a time.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    started = datetime.datetime.now(datetime.timezone.utc)
    machine = {
        "date": started.isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(), "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    try:
        for part in (daemon_rates, daemon_version_two, daemon_refusals,
                     daemon_sizes, daemon_deaths, daemon_instructions,
                     daemon_calls, daemon_scrapes, embedded, crowd, c_library, in_process,
                     command, named_ports, python_module):
            part()
    finally:
        shutil.rmtree(scratch)
    missed = [r["name"] for r in results if r["reached"] is False]
    print(f"\n{table()}\n\n{len(results)} comparisons, {len(missed)} goals missed"
          + "".join(f"\n    {name}" for name in missed))
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": machine, "rounds": options.rounds,
                       "results": results}, file, indent=2, ensure_ascii=False)
            file.write("\n")


main()
