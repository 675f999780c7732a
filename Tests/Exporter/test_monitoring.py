#!/usr/bin/env python3
"""Runs Prometheus and node_exporter beside a daemon and its exporter; run by
scripts/test-exporter.

Both ways of scraping have all metrics, every query of the dashboard has an answer, and
each alert fires under a load that is made for it, and clears afterwards. The intervals
of the rules are shortened for that.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse

from stage import (ROOT, SERVER, BIN, Stage, enter_network_namespace, get, lease, skip,
                   talk, wait_for)

PROMETHEUS, NODE, PORTS = 9090, 9100, 20
RULES = ROOT / "deploy/prometheus/portserver.rules.yml"
DASHBOARD = ROOT / "deploy/grafana/portserver.json"


def check_files():
    """What promtool says of the files."""
    folder = RULES.parent
    for command in (["check", "config", "prometheus.yml"],
                    ["check", "rules", "portserver.rules.yml"],
                    ["test", "rules", "portserver.test.yml"]):
        subprocess.run(["promtool", *command], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)


def quick_rules():
    """The rules, with all times shortened to seconds."""
    text = RULES.read_text()
    text = re.sub(r"for: \d+m", "for: 1s", text)
    text = re.sub(r"\[5m\]", "[5s]", text)
    return text.replace("> 120", "> 3")


def ask(path, **parameters):
    status, body = get(PROMETHEUS, f"/api/v1/{path}?" + urllib.parse.urlencode(parameters))
    answer = json.loads(body)
    assert status == 200 and answer["status"] == "success", (parameters, body)
    return answer["data"]


def query(expression):
    return ask("query", query=expression)["result"]


def firing(name):
    """The labels of the alerts of a name that fire."""
    return [alert["labels"] for alert in ask("alerts")["alerts"]
            if alert["labels"]["alertname"] == name and alert["state"] == "firing"]


def see(name, make, unmake, both=True):
    """Sees that an alert does not fire, fires under a load, and clears."""
    assert not firing(name), f"{name} fires without a reason"
    start = time.monotonic()
    make()
    jobs = {"portserver", "node"} if both is True else {both}
    wait_for(f"{name} fires for {jobs}",
             lambda: {labels["job"] for labels in firing(name)} >= jobs)
    fired = time.monotonic() - start
    unmake()
    wait_for(f"{name} clears", lambda: not firing(name))
    print(f"{name}: fired after {fired:.1f} s, cleared after "
          f"{time.monotonic() - start - fired:.1f} s")


class Load(threading.Thread):
    """Sends a request every 50 ms until it is stopped."""

    def __init__(self, request):
        super().__init__()
        self.request, self.stopping = request, threading.Event()

    def run(self):
        while not self.stopping.wait(0.05):
            try:
                reply, = talk(self.request)
                if reply.startswith("ok "):
                    talk("return " + " ".join(reply.split()[1:]))
            except OSError:
                pass

    def stop(self):
        self.stopping.set()
        self.join()


def dashboard_queries():
    """Every query of the dashboard, with its variables replaced."""
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [(panel["title"], target["expr"]) for panel in dashboard["panels"]
                   for target in panel["targets"]]
    expressions += [(note["name"], note["expr"])
                    for note in dashboard["annotations"]["list"]]
    for title, expression in expressions:
        expression = (expression.replace("$__rate_interval", "10s")
                      .replace("$__interval", "10s"))
        yield title, expression


def check_dashboard():
    """Every query has an answer, from each way of scraping."""
    instances = [f"127.0.0.1:{NODE}", None]
    instances[1] = query('portserver_up{job="portserver"}')[0]["metric"]["instance"]
    count = 0
    for title, expression in dashboard_queries():
        count += 1
        assert "$instance" in expression, (title, expression)
        for instance in instances:
            one = expression.replace("$instance", re.escape(instance).replace("\\", "\\\\"))
            # Only a restart has something to show for it.
            if "changes(" in one:
                query(one)
                continue
            wait_for(f"'{title}' has an answer: {one}", lambda: query(one))
    print(f"the dashboard's {count} queries have answers from both ways")


def main():
    missing = [name for name in ("prometheus", "promtool", "prometheus-node-exporter",
                                 "strace") if not shutil.which(name)]
    if missing:
        skip(f"there is no {', no '.join(missing)}")
    check_files()
    enter_network_namespace()
    with Stage() as stage:
        server = stage.server(f"15000-{14999 + PORTS}", "--max-ports-per-process", "15")
        exporter, port = stage.exporter()
        folder = stage.directory / "textfile"
        folder.mkdir()
        file = folder / "portserver.prom"

        def write_file():
            return stage.start(BIN / "portserver-exporter", "--server", SERVER,
                               "--textfile", file, "--interval", "0.5")

        writer = write_file()
        stage.start(
            "prometheus-node-exporter", "--collector.disable-defaults",
            "--collector.textfile", f"--collector.textfile.directory={folder}",
            f"--web.listen-address=127.0.0.1:{NODE}")
        (stage.directory / "rules.yml").write_text(quick_rules())
        (stage.directory / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms",
                       "evaluation_interval": "500ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {"job_name": "portserver",
                 "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]},
                {"job_name": "node",
                 "static_configs": [{"targets": [f"127.0.0.1:{NODE}"]}]}],
        }))
        stage.start(
            "prometheus", f"--config.file={stage.directory}/prometheus.yml",
            f"--storage.tsdb.path={stage.directory}/data",
            f"--web.listen-address=127.0.0.1:{PROMETHEUS}")

        def ready():
            try:
                return len(query("portserver_up == 1")) == 2
            except (OSError, AssertionError, ValueError):
                return False

        wait_for("both ways are scraped", ready)
        # Both have the same metrics.
        names = [set(ask("label/__name__/values", **{
            "match[]": f'{{__name__=~"portserver_.*", job="{job}"}}'}))
            for job in ("portserver", "node")]
        assert names[0] == names[1] and len(names[0]) > 20, names

        holder, other = stage.holder(), stage.holder()
        lease(holder.pid, 3)
        usual = Load(f"lease pid={holder.pid}")
        usual.start()
        check_dashboard()
        assert not [alert for alert in ask("alerts")["alerts"]
                    if alert["state"] == "firing"], ask("alerts")

        hog = stage.holder()
        see("PortserverUserHoldsMoreThanHalf", lambda: lease(hog.pid, 10),
            lambda: stage.end(hog))

        hogs = [stage.holder() for _ in range(2)]
        see("PortserverPoolNearlyExhausted",
            lambda: [lease(hog.pid, 8) for hog in hogs],
            lambda: [stage.end(hog) for hog in hogs])

        greedy = Load(f"lease pid={other.pid} count=160")
        see("PortserverRefusesRequests", greedy.start, greedy.stop)
        assert query('sum(portserver_refusals_total{reason="limit"})')[0]["value"][1] != "0"

        # Each bind(2) of the server takes 40 ms longer.
        tracers = []

        def delay():
            tracers.append(stage.start(
                "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=bind", "-e",
                "inject=bind:delay_enter=40000", "-p", server.pid))

        def hurry():
            tracers[0].send_signal(signal.SIGINT)
            tracers[0].wait()

        see("PortserverSlowReplies", delay, hurry)
        usual.stop()

        see("PortserverExporterDown",
            lambda: exporter.send_signal(signal.SIGSTOP),
            lambda: exporter.send_signal(signal.SIGCONT), both="portserver")

        servers = [server]
        see("PortserverDown", lambda: stage.end(servers[0]),
            lambda: servers.append(stage.server(
                f"15000-{14999 + PORTS}", "--max-ports-per-process", "15")))
        kept = wait_for("the restart is counted", lambda: query("portserver_kept_leases"))
        assert {sample["value"][1] for sample in kept} == {"3"}, kept

        # A file that is not written any more is stale; one that is removed is missing.
        see("PortserverFileStale", lambda: writer.send_signal(signal.SIGSTOP),
            lambda: writer.send_signal(signal.SIGCONT), both="node")
        writer.send_signal(signal.SIGTERM)
        assert writer.wait() == 0 and not file.exists()
        wait_for("the figures of the file are gone",
                 lambda: not query('portserver_up{job="node"}'))
    print("all alerts have fired and cleared")


main()
