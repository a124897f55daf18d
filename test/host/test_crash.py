"""What survives: kill -9 of the daemon, the shim, the container."""
import os
import random
import signal
import subprocess

from node import Node, check, check_in, processes, wait_for


def pids(n, service):
    return {t["ID"]: t["Status"]["ContainerStatus"]["PID"]
            for t in n.live(service)}


def test_containers_outlive_the_daemon():
    """kill -9, start: the same pids, the same logs, nothing restarted."""
    with Node() as n:
        n.init()
        n.create("--name", "w", "--replicas", "3", "swarm/whoami")
        before = pids(n, "w")
        logs = n.logs("w")
        n.kill()
        for pid in before.values():
            os.kill(pid, 0)
        n.start()
        n.wait_running("w", 3)
        check(pids(n, "w") == before, "other pids after the restart")
        check(sorted(n.logs("w").splitlines()) == sorted(logs.splitlines()),
              "logs differ")


def test_an_exit_while_the_daemon_was_away_is_known():
    with Node() as n:
        n.init()
        n.create("--name", "w", "--restart-condition", "none", "swarm/whoami")
        task, pid = list(pids(n, "w").items())[0]
        n.kill()
        os.kill(pid, signal.SIGKILL)
        wait_for("the container is gone", lambda: not os.path.exists(
            f"/proc/{pid}"))
        n.start()
        state = wait_for("the end is known", lambda: [
            t["Status"] for t in n.tasks("w")
            if t["ID"] == task and t["Status"]["State"] == "failed"])[0]
        check(state["ContainerStatus"]["ExitCode"] == 137, state)


def test_what_was_acknowledged_is_there_after_kill_9():
    """Many rounds: create until killed, start, compare."""
    with Node() as n:
        n.init()
        known = set()
        for i in range(8):
            for j in range(random.randint(1, 6)):
                name = f"s{i}x{j}"
                n.swarm("service", "create", "--detach", "--replicas", "0",
                        "--name", name, "swarm/whoami")
                known.add(name)
            n.kill()
            n.start()
            names = {s["Spec"]["Name"]
                     for s in n.ask("GET", "/services").json()}
            check(known == names, f"lost {known - names}, extra {names - known}")


def test_a_killed_container_is_replaced():
    with Node() as n:
        n.init()
        n.create("--name", "w", "--restart-delay", "0s", "swarm/whoami")
        task, pid = list(pids(n, "w").items())[0]
        os.kill(pid, signal.SIGKILL)
        wait_for("another task runs", lambda: [
            t for t in n.live("w") if t["ID"] != task])
        check_in("non-zero exit (137)",
                 n.swarm("service", "ps", "--no-trunc", "w"))


def test_a_killed_supervisor_is_replaced_with_its_container():
    with Node() as n:
        n.init()
        n.create("--name", "w", "--restart-delay", "0s", "swarm/whoami")
        task, pid = list(pids(n, "w").items())[0]
        for shim in processes(f"{n.run}/tasks/{task}"):
            os.kill(shim, signal.SIGKILL)
        wait_for("another task runs", lambda: [
            t for t in n.live("w") if t["ID"] != task])
        wait_for("the old container is gone",
                 lambda: not os.path.exists(f"/proc/{pid}"))


def test_a_second_daemon_is_refused_with_the_pid_of_the_first():
    with Node() as n:
        out = n.command([os.environ.get("SWARM") or "./swarm", "daemon",
                         "--root", n.root, "--run", n.run + "2"], ok=False)
        check_in(str(n.process.pid), out)


def test_leave_leaves_nothing():
    with Node() as n:
        empty = None
        for _ in range(2):
            n.init()
            n.create("--name", "w", "--replicas", "3", "--publish",
                     "target=80,mode=host", "swarm/whoami")
            n.swarm("leave", "--force")
            left = wait_for("all is gone", lambda: (
                lambda c: c if not c["processes"] and not c["mounts"] and
                not c["veths"] and not c["files"] else None)(n.counts()))
            check(empty is None or left == empty, (left, empty))
            empty = left
            check_in("inactive", n.swarm("info"))


def command_lines(word):
    """What runs, for the report of a failure."""
    lines = []
    for pid in processes(word):
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            line = f.read().replace(b"\0", b" ").decode(errors="replace")
        with open(f"/proc/{pid}/stack", errors="replace") as f:
            lines.append(f"{pid}: {line}: {f.read().splitlines()[:3]}")
    return lines


def one_operation(n, rnd, i):
    """One random thing that a user, or fate, may do."""
    name = f"r{rnd.randint(0, 3)}"
    what = rnd.randint(0, 9)
    if what <= 2:
        n.swarm("service", "create", "--detach", "--name", name, "--replicas",
                str(rnd.randint(0, 3)), "--restart-delay", "0s",
                "swarm/whoami", ok=None)
    elif what == 3:
        n.swarm("service", "scale", "--detach", f"{name}={rnd.randint(0, 4)}",
                ok=None)
    elif what == 4:
        n.swarm("service", "update", "--detach", "--env-add", f"I={i}", name,
                ok=None)
    elif what == 5:
        n.swarm("service", "rm", name, ok=None)
    elif what == 6:
        n.kill()
        n.start()
    else:
        word = n.run + "/tasks/" if what == 7 else None
        victims = processes(word) if word else [
            t["Status"].get("ContainerStatus", {}).get("PID", 0)
            for t in n.tasks()]
        victims = [v for v in victims if v]
        if victims:
            try:
                os.kill(rnd.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                pass


def test_nothing_is_left_after_200_random_operations():
    """With kill -9 of daemon, shims and containers mixed in."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print(f"seed {seed}")
    rnd = random.Random(seed)
    with Node() as n:
        n.init()
        n.create("--name", "keep", "swarm/whoami")
        before = n.counts()
        for i in range(200):
            one_operation(n, rnd, i)
        for s in n.ask("GET", "/services").json():
            if s["Spec"]["Name"] != "keep":
                n.swarm("service", "rm", s["ID"])
        n.wait_running("keep", 1)
        wait_for("only keep's tasks are left", lambda: all(
            t["Spec"] and t["Status"]["State"] and
            t["ServiceID"] == n.tasks("keep")[0]["ServiceID"]
            for t in n.tasks()))
        history = len(n.tasks("keep")) - 1

        def same():
            now = n.counts()
            return now if all(now[k] == before[k] for k in (
                "processes", "mounts", "veths", "nft lines")) else None
        try:
            wait_for("the counts are as before", same)
        except Exception:
            raise AssertionError(f"seed {seed}: before {before}, after "
                                 f"{n.counts()}, history {history}, "
                                 f"{command_lines(n.dir)}") from None
