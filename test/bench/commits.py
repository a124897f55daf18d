"""commits.py - what a write costs: three managers of ours and three members of
etcd, on the same hosts and the same disk, in turns.

Ours: HTTP on a manager's socket, each write one change that makes or removes
a service (load_swarm.c says why). etcd's: Put of 256 bytes, gRPC over TLS from
the member's own host. Both by the leader, and both by one that follows.
"""
import json
import os
import statistics
import subprocess

from hosts import (LEASH, ROOT, Etcd, Failed, Net, leader_of, managers, say)

WRITERS = (1, 8, 64, 256)
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = float(os.environ.get("SECONDS", "2"))
LOAD = os.path.join(ROOT, os.environ.get("B", "build/gcc"), "test/bench/load")


def connections(writers):
    """What serves etcd best: it likes few connections with many streams."""
    return 1 if writers <= 64 else 4


def run(argv):
    done = subprocess.run(argv, capture_output=True, check=False,
                          timeout=SECONDS + 60)
    if done.returncode != 0:
        raise Failed("load: " + done.stderr.decode())
    got = json.loads(done.stdout)
    if got["errors"] or not got["writes"]:
        raise Failed("load: " + done.stdout.decode() + done.stderr.decode())
    return got


def ours(daemon, writers):
    return run([*LEASH, LOAD, "swarm", daemon.sock, str(writers), str(SECONDS)])


def theirs(etcd, host, writers):
    return run(host.inside([LOAD, "etcd", host.ip + ":2379", str(writers),
                            str(SECONDS), str(connections(writers)),
                            *etcd.tls]))


def middle(runs, key):
    return statistics.median(r[key] for r in runs)


def report(how, writers, us, them):
    """Goals hold where a write goes to the leader."""
    for key, goal in (("p50_us", "at most 1"), ("p99_us", "at most 1")):
        a, b = middle(us, key), middle(them, key)
        say(f"{writers} writers by the {how}, {key[:3]}: ours, etcd",
            f"{a / 1000:.2f} {b / 1000:.2f} ms")
        say(f"{writers} writers by the {how}, {key[:3]}: ours / etcd",
            f"{a / b:.2f}", goal)
    a, b = middle(us, "per_second"), middle(them, "per_second")
    say(f"{writers} writers by the {how}, a second: ours, etcd",
        f"{a:.0f} {b:.0f}")
    say(f"{writers} writers by the {how}, a second: ours / etcd",
        f"{a / b:.2f}", "at least 2" if writers == 256 else "")


def measure():
    with Net(3) as net:
        daemons = managers(net)
        etcd = Etcd(net, net.hosts).start()
        got = {}
        for _ in range(ROUNDS):
            for writers in WRITERS:
                lead, led = leader_of(daemons), etcd.leader()
                other = next(d for d in daemons if d is not lead)
                follows = next(h for h in net.hosts if h is not led)
                one = got.setdefault(writers, ([], [], [], []))
                one[0].append(ours(lead, writers))
                one[1].append(theirs(etcd, led, writers))
                one[2].append(ours(other, writers))
                one[3].append(theirs(etcd, follows, writers))
        for writers, (a, b, c, d) in got.items():
            report("leader", writers, a, b)
            report("follower", writers, c, d)
