#!/usr/bin/env python3
"""Measures portpicker and portserver beside their peers; run by scripts/bench.

Every comparison is made in one run: its contestants take turns, in an order that
is drawn anew each round, and what counts is their ratio in the same round. No time
is printed without one.
"""

import argparse
import contextlib
import datetime
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
import time

arguments = argparse.ArgumentParser(
    prog="scripts/bench",
    description="Measures portpicker and portserver beside their peers.")
arguments.add_argument(
    "--rounds", type=int, default=9, help="rounds of each comparison (9)")
arguments.add_argument("--json", help="also write the results to this file")
arguments.add_argument("--tools", required=True, help=argparse.SUPPRESS)
arguments.add_argument("--bin", required=True, help=argparse.SUPPRESS)
arguments.add_argument("--python", help=argparse.SUPPRESS)
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

    def load(self, clients, requests, version=1, ports=1, pid=None):
        words = run(tool("load"), self.address, clients, requests, version,
                    ports, *([pid] if pid else [])).split()
        rate, median, high, longest = map(float, words[:4])
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


def wanted(name):
    return not options.only or any(word in name for word in options.only)


def compare(name, contestants, unit, *, more_is_better=True, goal=None,
            over=None, rounds=None):
    """Measures contestants in turn.

    contestants: functions by name, the first of which is measured against the
    second, or against `over`. goal: what the ratio has to be, at least, or, where
    less is better, at most.
    """
    if not wanted(name):
        return
    values = {key: [] for key in contestants}
    for _ in range(rounds or options.rounds):
        order = list(contestants)
        random.shuffle(order)
        for key in order:
            values[key].append(contestants[key]())
    keys = list(contestants)
    base = over or keys[1]
    ratios = [a / b for a, b in zip(values[keys[0]], values[base])]
    record(name, unit, keys[0], base, values, ratios, more_is_better, goal)


def record(name, unit, subject, base, values, ratios, more_is_better, goal):
    ratio = statistics.median(ratios)
    reached = None
    if goal is not None:
        reached = ratio >= goal if more_is_better else ratio <= goal
    result = {
        "name": name, "unit": unit, "subject": subject, "against": base,
        "medians": {key: statistics.median(v) for key, v in values.items()},
        "ratio": ratio, "lowest": min(ratios), "highest": max(ratios),
        "goal": goal, "moreIsBetter": more_is_better, "reached": reached,
    }
    results.append(result)
    bound = "" if goal is None else (
        f"{'at least' if more_is_better else 'at most'} {goal:g}: "
        f"{'yes' if reached else 'NO'}")
    medians = ", ".join(
        f"{key} {value:.4g}" for key, value in result["medians"].items())
    print(f"{name}\n    {ratio:.3f} [{min(ratios):.2f}-{max(ratios):.2f}]  "
          f"{bound}\n    {unit}: {medians}", flush=True)


def bound(name, unit, value, limit):
    """A figure with a limit of its own."""
    record(name, unit, "measured", "limit", {"measured": [value],
           "limit": [limit]}, [value / limit], False, 1)


# The daemon

def daemon_rates():
    requests = {1: 6000, 8: 16000, 64: 16000, 256: 16000}
    for clients, goal in ((1, 0.9), (8, 0.95), (64, 0.95), (256, None)):
        measured = {}

        def measure(kind, count):
            def body():
                with Server(kind) as server:
                    found = server.load(clients, count)
                measured.setdefault(kind, []).append(found)
                return found["rate"]
            return body

        count = requests[clients]
        kinds = ["portserver", "floor", "portserver without ledger"]
        name = f"daemon, version 1, {clients} clients"
        compare(f"{name}: rate", {k: measure(k, count) for k in kinds},
                "requests/s", goal=goal)
        if "portserver" in measured:
            ours = measured["portserver"]
            for key, limit in (("p99", 3), ("max", 10)):
                record(f"{name}: {key} against p50", "µs", key, "p50",
                       {k: [f[k] for f in ours] for k in (key, "p50")},
                       [f[key] / f["p50"] for f in ours], False,
                       limit if clients == 64 else None)
    if options.python:
        def rate(kind, count):
            def body():
                with Server(kind) as server:
                    return server.load(8, count)["rate"]
            return body
        compare("daemon, version 1, 8 clients: rate against the original",
                {"portserver": rate("portserver", 16000),
                 "original": rate("original", 1600)}, "requests/s", goal=10,
                rounds=min(options.rounds, 5))


def daemon_version_two():
    def rate(version, ports, count):
        def body():
            with Server("portserver") as server:
                return server.load(1, count, version, ports)["rate"] * ports
        return body
    compare("daemon, one connection, version 2, port after port: rate",
            {"version 2": rate(2, 1, 8000), "version 1": rate(1, 1, 8000)},
            "ports/s", goal=2)
    compare("daemon, 100 ports in one request: time for a port",
            {"one request": lambda: 1e6 / rate(2, 100, 100)(),
             "100 requests": lambda: 1e6 / rate(2, 1, 8000)()}, "µs",
            more_is_better=False, goal=1 / 3)
    for clients in (8, 64):
        def latencies(version):
            def body():
                with Server("portserver") as server:
                    return server.load(clients, 16000, version)["rate"]
            return body
        compare(f"daemon, version 2, {clients} clients: rate",
                {"version 2": latencies(2), "version 1": latencies(1)},
                "ports/s")


def daemon_refusals():
    def measure(is_full):
        def body():
            with Server("portserver", FIRST, FIRST + 9999) as server:
                if is_full:
                    server.load(8, 10000, pid=os.getpid())
                found = server.load(8, 9000, pid=os.getpid())
                # Others may use some of the ports, for a while.
                if abs(found["refused"] - (9000 if is_full else 0)) > 90:
                    sys.exit("scripts/bench: the pool is not as it should be")
                return 1e6 / found["rate"]
        return body
    compare("daemon, full pool of 10,000: a refusal against a lease",
            {"refusal": measure(True), "lease": measure(False)}, "µs",
            more_is_better=False, goal=1)


def daemon_sizes():
    def measure(leases, count):
        def body():
            with holders(count) as pids, Server("portserver") as server:
                fill(server, pids, leases)
                return 1e6 / server.load(1, 4000)["rate"]
        return body
    for leases, count, goal in (
            (10, 10, None), (100, 100, None), (1000, 1000, None),
            (10000, 1, None), (10000, 1000, None), (10000, 5000, 1.2)):
        compare(f"daemon, {leases:,} leased by {count:,} holders: a lease",
                {"full": measure(leases, count), "empty": measure(0, 1)}, "µs",
                more_is_better=False, goal=goal,
                rounds=min(options.rounds, 5))


def daemon_deaths():
    def exit_time():
        child = subprocess.Popen(["sleep", "1000"])
        start = time.perf_counter()
        child.kill()
        child.wait()
        return (time.perf_counter() - start) * 1e6

    def lease_time():
        with Server("portserver", FIRST, FIRST) as server:
            child = subprocess.Popen(["sleep", "1000"])
            if not server.ask(child.pid):
                # Somebody else has the port.
                sys.exit(f"scripts/bench: port {FIRST} is in use")
            start = time.perf_counter()
            child.kill()
            while not server.ask(os.getpid()):
                pass
            elapsed = (time.perf_counter() - start) * 1e6
            child.wait()
            return elapsed
    if not wanted("daemon, from a holder's death"):
        return
    compare("daemon, from a holder's death to its port leased again",
            {"leased again": lease_time, "exit alone": exit_time}, "µs",
            more_is_better=False, rounds=5 * options.rounds)
    median = results[-1]["medians"]["leased again"]
    bound("daemon, from a holder's death to its port leased again, at most 1 ms",
          "µs", median, 1000)


def daemon_start():
    with holders(1000) as pids:
        full, empty = f"{scratch}/full", f"{scratch}/empty"
        with Server("portserver", state=full) as server:
            fill(server, pids, 10000)
            memory = server.memory()
        if wanted("daemon, 10,000 leases of 1,000 holders: resident memory"):
            bound("daemon, 10,000 leases of 1,000 holders: resident memory",
                  "kB", memory, 12 * 1024)

        def start(state):
            def body():
                begin = time.perf_counter()
                with Server("portserver", state=state):
                    return (time.perf_counter() - begin) * 1e3
            return body
        compare("daemon, start with 10,000 leases of 1,000 holders",
                {"10,000 leases": start(full), "none": start(empty)}, "ms",
                more_is_better=False)


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
    for processes, picks, goal in ((1, 4000, 1.5), (32, 400, 1.3)):
        ledgers = iter(range(1 << 30))

        def measure(program):
            def body():
                ledger = f"{scratch}/embedded-{processes}-{next(ledgers)}"
                words = ([ledger] if program == "bare-picks" else []) + [
                    processes, picks]
                environment = dict(os.environ, PORTPICKER_LEDGER=ledger)
                found = float(run(tool(program), *words, env=environment))
                os.unlink(ledger)
                return found
            return body
        compare(
            f"embedded pick, {processes} processes at once, against the bare calls",
            {"pick": measure("picks"), "bare calls": measure("bare-picks")},
            "µs", more_is_better=False, goal=goal)


def command():
    def measure(count, *words):
        def body():
            ledger = f"{scratch}/command"
            environment = dict(os.environ, PORTPICKER_LEDGER=ledger)
            environment.pop("PORTSERVER_ADDRESS", None)
            found = float(run(tool("spawn"), count, *words, env=environment))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(ledger)
            return found
        return body
    own = measure(200, f"{options.bin}/portpicker", os.getpid())
    compare("command, start to exit, against a program that prints a number",
            {"portpicker": own,
             "C program": measure(200, tool("print-number"))}, "µs",
            more_is_better=False, goal=2.5)
    if options.python:
        compare("command, start to exit: the original's time against ours",
                {"python -m portpicker": measure(
                    10, options.python, "-m", "portpicker", os.getpid()),
                 "portpicker": own}, "µs", goal=12)


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
                     daemon_sizes, daemon_deaths, daemon_start, daemon_calls,
                     embedded, command):
            part()
    finally:
        shutil.rmtree(scratch)
    missed = [r["name"] for r in results if r["reached"] is False]
    print(f"\n{len(results)} comparisons, {len(missed)} goals missed"
          + "".join(f"\n    {name}" for name in missed))
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": machine, "rounds": options.rounds,
                       "results": results}, file, indent=2, ensure_ascii=False)
            file.write("\n")


main()
