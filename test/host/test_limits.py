"""What a container inherits, and what a daemon does at its limits."""
import os
import shutil
import signal

from node import Node, check, wait_for


def of_process(pid, name, word):
    with open(f"/proc/{pid}/{name}") as f:
        return [line for line in f if line.startswith(word)][0].split()


def limited(text, runtime=None):
    n = Node(runtime=runtime, cgroup="v1" if runtime else None)
    n.wrap = ["sh", "-c", text + ' exec "$@"', "sh"] + n.wrap
    return n


def zombies_of(parent):
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                state, ppid = f.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        found += state == "Z" and int(ppid) == parent
    return found


def test_nothing_of_ours_is_open_in_a_container():
    """0 to 2, the server's own socket and signals; runc's files are closed."""
    with Node() as n:
        n.init()
        n.create("--name", "w", "swarm/whoami")
        pid = n.live("w")[0]["Status"]["ContainerStatus"]["PID"]
        links = [os.readlink(f"/proc/{pid}/fd/{fd}")
                 for fd in sorted(os.listdir(f"/proc/{pid}/fd"), key=int)]
        check(links[0] == "/dev/null", links)
        check(all(l.startswith("pipe:") for l in links[1:3]), links)
        check(len(links) <= 5 and not any(n.dir in l for l in links), links)


def test_a_container_has_the_limit_that_the_daemon_began_with():
    """The daemon allows itself more files than it was given.

    With crun: some builds of runc raise the limit by themselves.
    """
    crun = shutil.which("crun")
    if crun is None:
        return
    with limited("ulimit -Sn 256; ulimit -Hn 4096;", crun) as n:
        n.init()
        n.create("--name", "w", "swarm/whoami")
        pid = n.live("w")[0]["Status"]["ContainerStatus"]["PID"]
        daemon = of_process(n.process.pid, "limits", "Max open files")
        check(daemon[3:5] == ["4096", "4096"], daemon)
        task = of_process(pid, "limits", "Max open files")
        check(task[3:5] == ["256", "4096"], task)


def test_without_descriptors_tasks_fail_and_all_is_cleaned_up():
    """What cannot be watched is not started, and removing comes to an end."""
    with limited("ulimit -n 64;") as n:
        n.init()
        n.create("--name", "b", "--replicas", "60", "--restart-delay", "1s",
                 "swarm/whoami", wait=False)
        wait_for("some are told why", lambda: [
            t for t in n.tasks("b")
            if "Too many open files" in t["Status"].get("Err", "")])
        n.swarm("service", "rm", "b")
        wait_for("no task is left", lambda: not n.tasks())
        wait_for("no file is left", lambda: n.counts()["files"] == 0)
        check(zombies_of(n.process.pid) == 0, "children that nobody reaps")


def test_the_daemon_ends_at_once():
    """SIGTERM while tasks start and a client follows logs."""
    with Node() as n:
        n.init()
        n.create("--name", "b", "--replicas", "20", "swarm/whoami",
                 wait=False)
        n.process.send_signal(signal.SIGTERM)
        check(n.process.wait(5) == 0, "exit code")
        n.start()
        n.wait_running("b", 20)
