"""failover.py - how long the cluster is without an answer: after kill -9 of
the leader, when it is ended in order, when a disk stands still, and when the
host of a worker is gone.
"""
import json
import os
import statistics
import subprocess
import threading
import time

from hosts import (Daemon, Failed, Net, Unix, command, leader_of, managers,
                   nodes, say, sweep_cgroups, sweep, wait_for)

KILLS = int(os.environ.get("KILLS", "30"))
HANDOVERS = int(os.environ.get("HANDOVERS", "10"))
STALL_S = 2


def spec(name, **more):
    return {"Name": name, "TaskTemplate": {"ContainerSpec": {
        "Image": "swarm/whoami:latest"}},
            "Mode": {"Replicated": {"Replicas": 0}}, **more}


class Writer(threading.Thread):
    """Writes by one daemon, one after the other, and notes when each was
    done; what fails is tried again at once, on a new connection."""

    number = 0

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.socket, self.ended = daemon.sock, False
        self.done = []  # when each write began and ended
        self.http, self.made = None, None
        Writer.number += 1
        self.name = f"f{Writer.number}"

    def write(self):
        """One write: makes a service, or removes the one that was made."""
        if self.http is None:
            self.http = Unix(self.socket, 3)
        if self.made is None:
            name = f"{self.name}-{time.monotonic_ns()}"
            self.http.request("POST", "/services/create",
                              json.dumps(spec(name)),
                              {"Content-Type": "application/json"})
        else:
            name = None
            self.http.request("DELETE", "/services/" + self.made)
        answer = self.http.getresponse()
        answer.read()
        # 404: it was removed, and the answer was lost.
        if answer.status >= 300 and answer.status != 404:
            raise OSError(answer.status)
        self.made = name

    def run(self):
        while not self.ended:
            began = time.monotonic()
            try:
                self.write()
                self.done.append((began, time.monotonic()))
            except Exception:  # pylint: disable=broad-except
                self.http = None
                time.sleep(0.001)

    def end(self):
        self.ended = True
        self.join(20)


def after(writers, when, seconds=30):
    """Seconds from when to the end of the first write that was begun later,
    as one that was begun before may have been the old leader's."""
    def look():
        return [done for w in writers for began, done in list(w.done)
                if began > when]
    return min(wait_for("a write after the leader was gone", look,
                        seconds)) - when


def longest_gap(writers, begin, end):
    """The longest time without a write by any of them."""
    times = sorted(done for w in writers for _, done in list(w.done)
                   if begin <= done <= end)
    times = [begin, *times, end]
    return max(b - a for a, b in zip(times, times[1:]))


def whole(daemons):
    """All are managers that the leader hears."""
    def look():
        try:
            rows = nodes(leader_of(daemons))
        except (OSError, Failed):
            return False
        return sum((n.get("ManagerStatus") or {}).get("Reachability")
                   == "reachable" for n in rows) == len(daemons)
    wait_for("all managers", look, 60)


def others(daemons, lead):
    return [d for d in daemons if d is not lead]


def kill(daemons, silent):
    """Seconds from the leader's end to the next write."""
    whole(daemons)
    lead = leader_of(daemons)
    writers = [Writer(d) for d in others(daemons, lead)]
    for w in writers:
        w.start()
    time.sleep(1)
    if silent:
        lead.host.cut()
    lead.kill()
    took = after(writers, time.monotonic())
    for w in writers:
        w.end()
    if silent:
        lead.host.mend()
    lead.start()
    return took


def kills():
    """The daemon alone, so that its host says that it is gone; and the host
    with it, so that nobody does."""
    with Net(3) as net:
        daemons = managers(net)
        for silent, what in ((False, "leader killed -9"),
                             (True, "leader's host is gone")):
            took = sorted(kill(daemons, silent) for _ in range(KILLS))
            say(f"{what}, {KILLS} times, to the next write: p50",
                f"{statistics.median(took):.2f} s", "at most 1.5")
            say(f"{what}, to the next write: longest", f"{took[-1]:.2f} s")


def handovers():
    took, demoted = [], []
    with Net(3) as net:
        daemons = managers(net)
        for how, list_ in (("term", took), ("demote", demoted)):
            for _ in range(HANDOVERS):
                list_.append(hand_over(daemons, how))
    for what, list_ in (("SIGTERM of", took), ("demotion of", demoted)):
        list_.sort()
        say(f"{what} the leader, time without writes: p50",
            f"{statistics.median(list_) * 1000:.0f} ms", "at most 50")
        say(f"{what} the leader, time without writes: longest",
            f"{list_[-1] * 1000:.0f} ms")


def set_role(daemons, daemon, role):
    def change():
        by = leader_of(daemons)
        try:
            node = by.ask("GET", "/nodes/" + daemon.id)
            by.ask("POST", f"/nodes/{daemon.id}/update?version="
                   f"{node['Version']['Index']}",
                   {**node["Spec"], "Role": role})
        except Failed:  # the version moved on
            return False
        return True
    wait_for(f"a node is made a {role}", change)


def hand_over(daemons, how):
    whole(daemons)
    lead = leader_of(daemons)
    writers = [Writer(d) for d in others(daemons, lead)]
    for w in writers:
        w.start()
    time.sleep(1)
    begin = time.monotonic()
    if how == "term":
        lead.end()
    else:
        set_role(daemons, lead, "worker")
    time.sleep(2)
    gap = longest_gap(writers, begin, time.monotonic())
    for w in writers:
        w.end()
    if how == "term":
        lead.start()
    else:
        set_role(daemons, lead, "manager")
    return gap


# ---- a disk that stands still -------------------------------------------

class Disk:
    """A file system for a daemon's state, which can be told to stand still.
    It is mounted on its host alone."""

    def __init__(self, net, host):
        self.host = host
        self.at = os.path.join(net.dir, host.name, "root")
        image = os.path.join(net.dir, host.name + ".img")
        with open(image, "wb") as f:
            f.truncate(256 << 20)
        command("mkfs.ext4", "-q", "-F", image)
        os.makedirs(self.at)
        host.run("mount", "-o", "loop", image, self.at)

    def stall(self, seconds):
        self.host.run("fsfreeze", "-f", self.at)
        try:
            time.sleep(seconds)
        finally:
            self.host.run("fsfreeze", "-u", self.at)

    def close(self):
        self.host.run("umount", self.at)


def stalls():
    """Who leads must stay the same, whosever disk it is."""
    with Net(3) as net:
        disks = [Disk(net, h) for h in net.hosts]
        try:
            daemons = managers(net)
            whole(daemons)
            lead = leader_of(daemons)
            for d, disk in zip(daemons, disks):
                writer = Writer(others(daemons, d)[0])
                writer.start()
                time.sleep(1)
                begin = time.monotonic()
                disk.stall(STALL_S)
                gap = longest_gap([writer], begin, time.monotonic())
                time.sleep(1)
                writer.end()
                who = "the leader's" if d is lead else "a follower's"
                stays = leader_of(daemons) is lead
                say(f"{who} disk stands still for {STALL_S} s: who leads",
                    "the same" if stays else "another", "the same")
                say(f"{who} disk stands still for {STALL_S} s: no write for",
                    f"{gap * 1000:.0f} ms")
        finally:
            sweep(net.dir)
            for disk in disks:
                disk.close()


# ---- a worker's host is gone ---------------------------------------------

def running(daemon, service):
    rows = daemon.ask("GET", '/tasks?filters={"service":{"%s":true}}'
                      % service)
    return [t for t in rows if t["Status"]["State"] == "running" and
            t["DesiredState"] == "running"]


def lose(daemon):
    """All processes of a host end at once, and its link is down."""
    daemon.host.cut()
    sweep(daemon.dir)
    sweep_cgroups(daemon.dir)
    daemon.process.wait()


def workers():
    took = []
    with Net(5) as net:
        daemons = managers(net)
        lead = leader_of(daemons)
        have = [Daemon(net, h).start().join(lead, "Worker")
                for h in net.hosts[3:]]
        body = spec("w", Mode={"Replicated": {"Replicas": 1}})
        body["TaskTemplate"]["Placement"] = {
            "Constraints": ["node.role==worker"]}
        lead.ask("POST", "/services/create", body)
        for _ in range(int(os.environ.get("HOSTS", "5"))):
            wait_for("two workers", lambda: sum(
                n["Spec"]["Role"] == "worker" and
                n["Status"]["State"] == "ready" for n in nodes(lead)) == 2, 60)
            task = wait_for("it runs", lambda: running(lead, "w"))[0]
            gone = next(d for d in have if d.id == task["NodeID"])
            began = time.monotonic()
            lose(gone)
            wait_for("its replacement runs", lambda: any(
                t["NodeID"] != gone.id for t in running(lead, "w")), 60)
            took.append(time.monotonic() - began)
            gone.host.mend()
            gone.start()
    took.sort()
    say("a worker's host is gone, to the replacement Running: p50",
        f"{statistics.median(took):.2f} s", "at most 5")
    say("a worker's host is gone, to the replacement: longest",
        f"{took[-1]:.2f} s")
