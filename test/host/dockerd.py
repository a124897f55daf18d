"""dockerd.py - the real thing beside ours: a dockerd in a scratch directory.

It has the shape of node.Node, as far as the differential test needs it.
"""
import glob
import os
import shutil
import signal
import subprocess
import tempfile

from node import CGROUP, Failed, processes, wait_for

READY_S = 60


def installed():
    return all(shutil.which(name) for name in ("dockerd", "containerd"))


class Dockerd:
    """One dockerd; use as a context manager."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="swarm-dd-")
        self.sock = os.path.join(self.dir, "docker.sock")
        self.log_path = os.path.join(self.dir, "daemon.log")
        self.process = None
        self.cgroups_before = self.cgroups()

    def __enter__(self):
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--data-root", self.dir + "/dd",
                 "--exec-root", self.dir + "/dx", "-p", self.dir + "/pid",
                 "-H", "unix://" + self.sock, "--iptables=false"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            wait_for("dockerd answers", self.answers, READY_S)
        except Failed:
            self.__exit__(Failed, None, None)
            raise
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise Failed("dockerd ended:\n" + self.log()[-3000:])
        done = subprocess.run(["docker", "-H", "unix://" + self.sock,
                               "version"], capture_output=True, check=False)
        return done.returncode == 0

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(self.log()[-4000:])
        if self.process.poll() is None:
            subprocess.run(["docker", "-H", "unix://" + self.sock, "swarm",
                            "leave", "--force"], capture_output=True,
                           timeout=60, check=False)
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.sweep()

    def sweep(self):
        """What it left: ended by pid, unmounted, removed."""
        for pid in processes(self.dir):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        for line in reversed(open("/proc/mounts").read().splitlines()):
            where = line.split()[1].replace("\\040", " ")
            if where.startswith(self.dir):
                subprocess.run(["umount", "-l", where], check=False)
        for link in ("docker0", "docker_gwbridge"):
            if os.path.exists("/sys/class/net/" + link):
                subprocess.run(["ip", "link", "del", link], check=False)
        for where in self.cgroups() - self.cgroups_before:
            os.rmdir(where)
        shutil.rmtree(self.dir, ignore_errors=True)

    @staticmethod
    def cgroups():
        """The directories that it makes above its containers' own."""
        return {d for d in glob.glob(CGROUP + "/docker") +
                glob.glob(CGROUP + "/*/docker") if os.path.isdir(d)}
