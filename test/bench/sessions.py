"""sessions.py - a thousand idle workers on one manager: how long until all
have joined, and what each session costs the manager.

The workers are whole nodes in one process (workers.c), each with an address,
keys, a TLS session and gossip of its own.
"""
import os
import subprocess
import time

from hosts import ROOT, Daemon, Failed, Net, nodes, say, wait_for

COUNT = int(os.environ.get("SESSIONS", "1000"))
WORKERS = os.path.join(ROOT, os.environ.get("B", "build/gcc"),
                       "test/bench/workers")
IDLE_S = 20


def memory_kib(pid):
    """PSS without what is shared with other programs' files."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) for line in f
                    if line.startswith("Pss_Anon:"))


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def give_addresses(host):
    lines = "".join(
        f"addr add 10.99.{128 + i // 250}.{1 + i % 250}/16 dev eth0\n"
        for i in range(COUNT))
    subprocess.run(host.inside(["ip", "-batch", "-"]), input=lines.encode(),
                   check=True)


def ready(daemon):
    return sum(n["Status"]["State"] == "ready" and
               n["Spec"]["Role"] == "worker" for n in nodes(daemon))


def all_ready(daemon, workers):
    if workers.poll() is not None:
        raise Failed("the workers ended")
    time.sleep(0.2)  # asking costs the manager something, too
    return ready(daemon) == COUNT


def measure():
    with Net(2, bits=16) as net:
        manager = Daemon(net, net.hosts[0]).start().init()
        token = manager.ask("GET", "/swarm")["JoinTokens"]["Worker"]
        give_addresses(net.hosts[1])
        time.sleep(1)
        pid = manager.process.pid
        before, spent = memory_kib(pid), cpu_s(pid)
        began = time.monotonic()
        with open(os.path.join(net.dir, "workers.log"), "w") as log:
            workers = subprocess.Popen(
                net.hosts[1].inside([WORKERS, manager.host.ip + ":2377", token,
                                     str(COUNT)]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(f"{COUNT} workers", lambda: all_ready(manager, workers),
                     180)
            took = time.monotonic() - began
            say(f"{COUNT} workers join, until all are ready", f"{took:.1f} s")
            say("CPU of the manager for each that joins",
                f"{(cpu_s(pid) - spent) / COUNT * 1000:.1f} ms")
            time.sleep(10)
            spent = cpu_s(pid)
            time.sleep(IDLE_S)
            used = (cpu_s(pid) - spent) / IDLE_S
            grown = memory_kib(pid) - before
            say(f"{COUNT} idle workers: CPU of the manager",
                f"{used * 100:.1f} %")
            say("memory of the manager for each session",
                f"{grown / COUNT:.1f} KiB", "at most 16")
            if ready(manager) != COUNT:
                say("idle workers that are not ready any more",
                    f"{COUNT - ready(manager)}", "0")
        finally:
            workers.kill()
            workers.wait()
