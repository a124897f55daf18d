"""The demo does what it says, says so when it cannot, and leaves nothing."""
import contextlib
import glob
import os
import signal
import subprocess
import tempfile
import time

from node import (CGROUP, REPO, SANITIZED, SWARM, Failed, check, check_in,
                  wait_for)

DEMO = os.path.join(REPO, "etc", "demo.sh")
SECONDS = 200 if SANITIZED else 40


class Demo:
    """One run of the demo; what it left is looked for in the end."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="swarm-demo-test-")
        self.out_path = self.dir + ".out"
        self.tasks = set()
        env = {**os.environ, "TMPDIR": self.dir, "SWARM": SWARM,
               "DEMO_SLOW": "5" if SANITIZED else "1"}
        with open(self.out_path, "w") as out:
            self.process = subprocess.Popen(
                [DEMO], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                env=env, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(self.out()[-4000:])
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(SECONDS)
        left = self.left()
        subprocess.run(["rm", "-rf", self.dir, self.out_path], check=False)
        if kind is None:
            check(not left, f"left behind: {left[:5]}")

    def out(self):
        with open(self.out_path) as f:
            return f.read()

    def look(self):
        """Which tasks there are; gives the exit code when it has ended."""
        for path in glob.glob(self.dir + "/*/*/run/tasks/*"):
            self.tasks.add(os.path.basename(path))
        return self.process.poll()

    def ends(self):
        wait_for("the demo ends", lambda: self.look() is not None, SECONDS)
        return self.process.returncode

    def says(self, words):
        def look():
            if self.look() is not None:
                raise Failed("the demo ended before it said " + words)
            return words in self.out()
        wait_for(f"the demo says {words}", look, SECONDS)

    def left(self):
        """Its processes know its directory, and cgroups have tasks' names."""
        found = os.listdir(self.dir)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if self.dir.encode() in f.read():
                        found.append("process " + pid)
        with open("/proc/mounts") as f:
            found += [l for l in f if self.dir in l]
        for where, _, _ in os.walk(CGROUP):
            if os.path.basename(where) in self.tasks:
                found.append(where)
        return found

    def host_pids(self, *hosts):
        """Of the first processes of hosts, as they are called here."""
        pids = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().decode().split("\0")
                if words[0] == "sh" and words[1].startswith(self.dir) and \
                        words[2] in hosts:
                    pids.append(int(pid))
        return pids


def test_the_demo_shows_what_it_says_and_leaves_nothing():
    with Demo() as d:
        began = time.monotonic()
        check(d.ends() == 0, "the demo failed")
        check(time.monotonic() - began < SECONDS, "it took too long")
        out = d.out()
        for words in ("another manager leads", "is known to be down",
                      "six of six run, none there", "nine run",
                      "each of the four answers", "it is a manager again"):
            check_in(words, out)
        check(len(d.tasks) > 10, f"tasks seen: {d.tasks}")
        check("\033" not in out, "colours are in a file")


def test_the_demo_ends_whole_on_a_signal_at_any_time():
    for number, words in ((signal.SIGINT, "swarm join-token manager"),
                          (signal.SIGTERM, "swarm service create"),
                          (signal.SIGINT, "The power of manager1")):
        with Demo() as d:
            d.says(words)
            # As a terminal does: to all that run in its foreground.
            os.killpg(d.process.pid, number)
            check(d.ends() == 128 + number, f"exit {d.process.returncode}")


def test_the_demo_fails_when_the_cluster_does():
    """Two of three managers are gone where it expects one to be."""
    with Demo() as d:
        d.says("The power of manager1")
        for pid in d.host_pids("manager2"):
            os.kill(pid, signal.SIGKILL)
        check(d.ends() == 1, f"exit {d.process.returncode}")
        check_in("not so within its time: another manager leads", d.out())
