"""How tasks live: restarts, stops, order, states, history, volumes, health."""
import json
import os
import threading
import time

import archives
from node import Node, check, check_in, wait_for

ORDER = ["new", "pending", "assigned", "accepted", "preparing", "ready",
         "starting", "running", "complete", "shutdown", "failed", "rejected",
         "remove", "orphaned"]
FAST = ("--restart-delay", "0s", "--stop-grace-period", "1s")
# A shell is process 1: it takes TERM only when it says so.
SLEEP = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


class Box(Node):
    """A node with the image box:1, a shell; the directory is /host in it."""

    def __enter__(self):
        super().__enter__()
        self.init()
        self.swarm("image", "load", stdin=archives.old_save(
            [(["box:1"], [archives.shell()])]))
        return self

    def sh(self, name, script, *flags, wait=False):
        return self.create("--name", name, "--mount",
                           f"type=bind,source={self.dir},target=/host", *flags,
                           "box:1", "sh", "-c", script, wait=wait)

    def states(self, name):
        return sorted(t["Status"]["State"] for t in self.tasks(name))

    def spec(self, name):
        s = self.ask("GET", f"/services/{name}").json()
        return s["ID"], s["Version"]["Index"], s["Spec"]


def stays(n, name, states, seconds=0.6):
    """These states now, and still after a while in which more could come."""
    wait_for(f"{name} is {states}", lambda: n.states(name) == sorted(states))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check(n.states(name) == sorted(states), n.states(name))
        time.sleep(0.05)


def test_the_restart_condition_decides():
    with Box() as n:
        n.sh("none-bad", "exit 3", "--restart-condition", "none", *FAST)
        n.sh("none-good", "exit 0", "--restart-condition", "none", *FAST)
        n.sh("fail-good", "exit 0", "--restart-condition", "on-failure", *FAST)
        n.sh("fail-bad", "exit 3", "--restart-condition", "on-failure",
             "--restart-max-attempts", "1", *FAST)
        n.sh("any-good", "exit 0", "--restart-condition", "any",
             "--restart-max-attempts", "2", *FAST)
        stays(n, "none-bad", ["failed"])
        stays(n, "none-good", ["complete"], 0.1)
        stays(n, "fail-good", ["complete"], 0.1)
        stays(n, "fail-bad", ["failed"] * 2, 0.1)
        stays(n, "any-good", ["complete"] * 3, 0.1)
        check_in("non-zero exit (3)", n.swarm("service", "ps", "--no-trunc",
                                              "none-bad"))


def test_attempts_are_counted_in_their_window():
    """One attempt in 300 ms: what lives longer is restarted for ever."""
    with Box() as n:
        n.sh("w", "sleep 0.4; exit 1", "--restart-max-attempts", "1",
             "--restart-window", "300ms", *FAST)
        seen = set()
        wait_for("it goes on and on", lambda: seen.update(
            t["ID"] for t in n.tasks("w")) or len(seen) >= 4)
        check(len(n.tasks("w")) <= 3, "history: the attempts, and one")
        n.swarm("service", "rm", "w")


def test_the_delay_is_waited_for():
    with Box() as n:
        n.sh("d", "exit 1", "--restart-max-attempts", "1", "--restart-delay",
             "1s", "--stop-grace-period", "1s")
        wait_for("both have failed", lambda: n.states("d") == ["failed"] * 2)
        at = sorted(stamp(t["Status"]["Timestamp"]) for t in n.tasks("d"))
        check(1.0 <= at[1] - at[0] < 3, at)


def stamp(text):
    whole = time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    return whole + float("0." + (text[20:].rstrip("Z") or "0"))


def test_the_stop_signal_and_the_grace():
    """The signal that was asked for; TERM; and KILL after the grace."""
    with Box() as n:
        n.sh("usr", "trap 'echo USR1 > /host/usr; exit 0' USR1; echo up; "
             "while :; do sleep 0.05; done", "--stop-signal", "SIGUSR1",
             "--stop-grace-period", "20s", wait=True)
        n.sh("deaf", "trap '' TERM; echo up; while :; do sleep 0.05; done",
             "--stop-grace-period", "1s", wait=True)
        for name in ("usr", "deaf"):
            wait_for("it listens", lambda name=name: "up" in n.logs(name))
        began = time.monotonic()
        n.swarm("service", "rm", "usr", "deaf")
        wait_for("it got it", lambda: os.path.exists(n.dir + "/usr"), 5)
        wait_for("both are gone", lambda: not n.tasks())
        took = time.monotonic() - began
        check(0.9 <= took < 10, f"{took} s")


class Sampled:
    """Samples fn() in a thread; fn's answers are in seen."""

    def __init__(self, fn):
        self.fn, self.seen, self.on, self.error = fn, [], True, None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            while self.on:
                self.seen.append(self.fn())
                time.sleep(0.005)
        except Exception as e:  # pylint: disable=broad-except
            self.error = e

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *why):
        self.on = False
        self.thread.join()
        if self.error and why[0] is None:
            raise self.error


def replaced(n, name, old, count):
    wait_for(f"{name} is replaced", lambda: len(
        {t["ID"] for t in n.live(name)} - old) == count and
        len(n.live(name)) == count)


def update_counts(n, name, *flags):
    """How many tasks ran at least and at most while it was updated; and at
    most of those that were not told to stop."""
    old = {t["ID"] for t in n.live(name)}

    def sample():
        ran = [t for t in n.tasks(name) if t["Status"]["State"] == "running"]
        return len(ran), sum(t["DesiredState"] == "running" for t in ran)
    with Sampled(sample) as s:
        n.swarm("service", "update", "--detach", "--force", *flags, name)
        replaced(n, name, old, len(old))
        wait_for("the old ones have ended", lambda: sum(
            t["Status"]["State"] == "running"
            for t in n.tasks(name)) == len(old))
    ran, wanted = zip(*s.seen)
    return min(ran), max(ran), max(wanted)


def test_order_and_parallelism_of_an_update():
    with Box() as n:
        n.sh("u", SLEEP, "--replicas", "4", *FAST, wait=True)
        got = update_counts(n, "u", "--update-order", "stop-first",
                            "--update-parallelism", "1")
        check(got[0] >= 3 and got[1] <= 4, got)
        # Two may stop still when the next two have started.
        got = update_counts(n, "u", "--update-order", "start-first",
                            "--update-parallelism", "2")
        check(got[0] >= 4 and got[2] <= 6, got)
        got = update_counts(n, "u", "--update-order", "stop-first",
                            "--update-parallelism", "0")
        check(got[1] <= 4, got)
        began = time.monotonic()
        update_counts(n, "u", "--update-parallelism", "2", "--update-delay",
                      "700ms")
        check(time.monotonic() - began >= 0.7, "the delay was waited for")


def test_history_has_its_limit():
    """Five of a slot, the running one too, as the cluster says."""
    with Box() as n:
        n.sh("h", SLEEP, *FAST, wait=True)
        for _ in range(7):
            old = {t["ID"] for t in n.live("h")}
            n.swarm("service", "update", "--detach", "--force", "h")
            replaced(n, "h", old, 1)
        wait_for("old ones are gone", lambda: len(n.tasks("h")) <= 5)
        check(len(n.tasks("h")) == 5, n.states("h"))
        kept = {t["ID"] for t in n.tasks("h")}
        wait_for("their directories too", lambda: set(os.listdir(
            os.path.join(n.root, "containers"))) <= kept)


def test_states_only_grow():
    with Box() as n:
        with Sampled(lambda: {t["ID"]: t["Status"]["State"]
                              for t in n.tasks()}) as s:
            n.sh("g", SLEEP, "--replicas", "3", *FAST, wait=True)
            n.sh("f", "exit 1", "--restart-max-attempts", "2", *FAST)
            n.swarm("service", "update", "--detach", "--force", "g")
            wait_for("f has failed", lambda: n.states("f") == ["failed"] * 3)
            n.swarm("service", "rm", "g")
            wait_for("g is gone", lambda: {
                t["ServiceID"] for t in n.tasks()} == {n.spec("f")[0]})
        at = {}
        for seen in s.seen:
            for task, state in seen.items():
                now = ORDER.index(state)
                check(now >= at.get(task, 0),
                      f"{ORDER[at.get(task, 0)]} became {state}")
                at[task] = now


def test_volumes_stay_and_come_back():
    """A named one outlives its service; one without a name goes."""
    with Box() as n:
        n.sh("v", "echo kept >> /data/x; cat /data/x; touch /anon/y; " + SLEEP,
             "--mount", "source=data,target=/data", "--mount",
             "type=volume,target=/anon", *FAST, wait=True)
        wait_for("it wrote", lambda: "kept" in n.logs("v"))
        volumes = os.path.join(n.root, "volumes")
        check("data" in os.listdir(volumes), os.listdir(volumes))
        found = [f for _, _, files in os.walk(n.root) for f in files]
        check("y" in found, "the one without a name is somewhere")
        n.swarm("service", "rm", "v")
        wait_for("it is gone", lambda: not n.tasks())
        wait_for("the one without a name, too",
                 lambda: os.listdir(volumes) == ["data"] and "y" not in
                 [f for _, _, files in os.walk(n.root) for f in files])
        n.sh("v", "cat /data/x; echo END; " + SLEEP, "--mount",
             "source=data,target=/data", *FAST, wait=True)
        wait_for("it is still there", lambda: n.logs("v") == "kept\nEND\n")


def test_health_goes_up_and_down():
    """starting, healthy, unhealthy: then the task fails and is replaced."""
    with Box() as n:
        # One that ends with 0 is complete, whatever ended it, as Docker's.
        n.sh("c", SLEEP.replace("0'", "9'"),
             "--health-cmd",
             "test -e /host/ok", "--health-interval", "100ms",
             "--health-retries", "3", "--health-start-period", "20s",
             "--health-start-interval", "100ms",
             "--restart-max-attempts", "1", *FAST)
        wait_for("it is starting", lambda: n.states("c") == ["starting"])
        ok = archives.write(os.path.join(n.dir, "ok"), b"")
        n.wait_running("c")
        first = n.live("c")[0]["ID"]
        os.unlink(ok)
        wait_for("it failed", lambda: [
            t for t in n.tasks("c") if t["ID"] == first and
            t["Status"]["State"] == "failed"])
        check_in("unhealthy", json.dumps(n.tasks("c")))
        wait_for("another starts", lambda: [
            t for t in n.tasks("c") if t["ID"] != first and
            t["Status"]["State"] == "starting"])
        archives.write(ok, b"")
        n.wait_running("c")


def test_down_to_zero_and_back():
    with Box() as n:
        n.sh("z", SLEEP, "--replicas", "2", *FAST, wait=True)
        for count in (0, 2, 0, 1):
            n.swarm("service", "scale", "--detach", f"z={count}")
            n.wait_running("z", count)
            wait_for("no other", lambda count=count: sum(
                t["Status"]["State"] == "running"
                for t in n.tasks("z")) == count)
            check_in(f"{count}/{count}", n.swarm("service", "ls"))


def test_twenty_updates_in_a_row_end_in_the_last():
    with Box() as n:
        n.sh("r", "echo V=$V; " + SLEEP, "--replicas", "2", *FAST,
             "--update-parallelism", "0", wait=True)
        for i in range(20):
            # The manager's own notes on the update count as changes too.
            wait_for("it is taken", lambda i=i: "out of sequence" not in
                     n.swarm("service", "update", "--detach", "--env-add",
                             f"V={i}", "r", ok=None))
        wait_for("all have the last", lambda: [
            t["Spec"]["ContainerSpec"]["Env"] for t in n.live("r")] ==
            [["V=19"]] * 2 and len([t for t in n.tasks("r") if t["Status"][
                "State"] == "running"]) == 2)


def test_conflicts_of_name_and_version():
    with Box() as n:
        n.sh("a", SLEEP, *FAST, wait=True)
        out = n.swarm("service", "create", "--name", "a", "box:1", ok=False)
        check_in("name conflicts with an existing object", out)
        sid, version, spec = n.spec("a")
        a = n.ask("POST", f"/services/{sid}/update?version={version}", spec)
        check(a.status == 200, a.body)
        a = n.ask("POST", f"/services/{sid}/update?version={version}", spec)
        check(a.status == 500 and b"update out of sequence" in a.body,
              (a.status, a.body))
        for bad in ("", "?version=", "?version=x"):
            a = n.ask("POST", f"/services/{sid}/update{bad}", spec)
            check(a.status == 400, (bad, a.status, a.body))
        a = n.ask("POST", f"/services/{sid}/update?version="
                  f"{n.spec('a')[1]}", {**spec, "Name": "b"})
        check(a.status != 200 and b"renaming" in a.body, (a.status, a.body))
