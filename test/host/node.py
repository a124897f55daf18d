"""node.py - a real daemon in a scratch directory, for the host tests.

Everything that waits has a deadline; everything that is made is removed, also
when a test fails. Processes are ended by their pid.
"""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
SWARM = os.environ.get("SWARM", os.path.join(REPO, "swarm"))
SANITIZED = b"__asan_init" in open(SWARM, "rb").read()
DEADLINE = 90 if SANITIZED else 30
if SANITIZED:  # the built-in image is one file: it must be static
    os.environ["SWARM_WHOAMI"] = os.path.join(REPO, "swarm")
CGROUP = "/sys/fs/cgroup"


class Failed(Exception):
    """A test does not hold."""


class Skipped(Exception):
    """A test cannot be run here; why. It counts as neither."""


def check(cond, what):
    if not cond:
        raise Failed(what)


def check_in(part, whole):
    if part not in whole:
        raise Failed(f"{part!r} is not in:\n{whole}")


def wait_for(what, fn, seconds=None):
    """The first true value of fn(), or Failed with what and the last value."""
    seconds = seconds or DEADLINE
    end = time.monotonic() + seconds
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def processes(word):
    """Pids of processes whose command line has word."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read()
            with open(f"/proc/{pid}/stat") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if word.encode() in line and state != "Z" and int(pid) != os.getpid():
            found.append(int(pid))
    return found


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Unix(http.client.HTTPConnection):
    def __init__(self, path, seconds=60):
        super().__init__("localhost", timeout=seconds)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Node:
    """One daemon; use as a context manager."""

    def __init__(self, runtime=None, args=(), cgroup=None):
        self.dir = tempfile.mkdtemp(prefix="swarm-host-")
        self.root = os.path.join(self.dir, "root")
        self.run = os.path.join(self.dir, "run")
        self.sock = os.path.join(self.run, "swarm.sock")
        self.log_path = os.path.join(self.dir, "daemon.log")
        self.args = list(args) + (["--runtime", runtime] if runtime else [])
        # One of the two cgroup trees alone, for this daemon.
        mount = {"v1": f"umount {CGROUP}/unified 2>/dev/null;",
                 "v2": f"mount -t cgroup2 none {CGROUP} &&"}.get(cgroup)
        self.wrap = ["unshare", "-m", "sh", "-c", mount + ' exec "$@"',
                     "sh"] if mount else []
        self.process = None
        self.before = self.counts()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        failed = kind is not None
        try:
            if failed:
                print(self.log()[-4000:])
            self.leave()
        except (Failed, OSError) as e:
            if not failed:
                raise
            print("while ending:", e)
        finally:
            self.stop()
            self.sweep()

    # ---- the daemon ----

    def start(self, wait=True):
        log = open(self.log_path, "a")
        self.process = subprocess.Popen(
            [*self.wrap, SWARM, "daemon", "--root", self.root, "--run", self.run,
             *self.args], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        if wait:
            wait_for("the daemon answers", self.answers)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise Failed("the daemon ended:\n" + self.log()[-3000:])
        try:
            return self.ask("GET", "/_ping").status == 200
        except OSError:
            return False

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def kill(self):
        """kill -9, as a crash."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failed("the daemon does not end on SIGTERM")
        return self.process.returncode if self.process else 0

    def leave(self):
        if self.process and self.process.poll() is None:
            self.swarm("leave", "--force", ok=None)

    def sweep(self):
        """What a failed test may have left: ended by pid, then removed."""
        for _ in range(50):  # one that ends may have begun another
            left = processes(self.dir)
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            if not left:
                break
            time.sleep(0.02)
        self.sweep_cgroups()
        for line in reversed(open("/proc/mounts").read().splitlines()):
            where = line.split()[1]
            if where.startswith(self.dir):
                subprocess.run(["umount", "-l", where], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def sweep_cgroups(self):
        """Containers whose supervisors were ended above."""
        try:
            tasks = os.listdir(os.path.join(self.run, "tasks"))
        except OSError:
            return
        for where, _, _ in list(os.walk(CGROUP, topdown=False)):
            if os.path.basename(where) not in tasks:
                continue
            with open(os.path.join(where, "cgroup.procs")) as f:
                for pid in f.read().split():
                    os.kill(int(pid), signal.SIGKILL)
            for _ in range(50):
                try:
                    os.rmdir(where)
                    break
                except OSError:
                    time.sleep(0.02)

    # ---- asking it ----

    def ask(self, method, path, body=None, headers=None):
        http_ = Unix(self.sock)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        http_.request(method, path, body, headers)
        a = http_.getresponse()
        answer = Answer(a.status, a.headers, a.read())
        http_.close()
        return answer

    def command(self, argv, ok=True, stdin=None, env=None):
        """ok: True wants 0, False wants another, None takes any."""
        done = subprocess.run(argv, input=stdin, capture_output=True,
                              timeout=120, check=False,
                              env={**os.environ, **(env or {})})
        out = done.stdout.decode(errors="replace")
        err = done.stderr.decode(errors="replace")
        if ok is not None and (done.returncode == 0) != ok:
            raise Failed(f"{' '.join(argv)}: exit {done.returncode}\n{out}{err}")
        return out if ok else out + err

    def swarm(self, *args, **kw):
        return self.command([SWARM, "-H", "unix://" + self.sock, *args], **kw)

    def docker(self, *args, **kw):
        return self.command(["docker", "-H", "unix://" + self.sock, *args],
                            **kw)

    def init(self):
        self.swarm("init")
        return self

    def create(self, *args, wait=True):
        """service create --detach; gives the id; waits for it to run."""
        sid = self.swarm("service", "create", "--detach", *args).strip()
        if wait:
            self.wait_running(sid)
        return sid

    def tasks(self, service=None):
        path = "/tasks"
        if service:
            path += '?filters={"service":{"%s":true}}' % service
        a = self.ask("GET", path)
        check(a.status == 200, (path, a.status, a.body))
        return a.json()

    def live(self, service):
        return [t for t in self.tasks(service)
                if t["Status"]["State"] == "running"
                and t["DesiredState"] == "running"]

    def wait_running(self, service, count=None):
        if count is None:
            mode = self.ask("GET", f"/services/{service}").json()["Spec"]["Mode"]
            count = mode.get("Replicated", {}).get("Replicas", 1)
        try:
            return wait_for(f"{count} tasks of {service} run", lambda:
                            (lambda l: len(l) == count and (l or True))(
                                self.live(service)))
        except Failed as e:
            rows = [(t["Status"]["State"], t["DesiredState"],
                     t["Status"].get("Err")) for t in self.tasks(service)]
            raise Failed(f"{e}; tasks: {rows}") from None

    def logs(self, ref):
        return self.swarm("service", "logs", "--raw", ref)

    def address(self, task):
        """A running task's address, read where it is: in its namespace."""
        pid = task["Status"]["ContainerStatus"]["PID"]
        out = subprocess.run(
            ["nsenter", "-t", str(pid), "-n", "ip", "-4", "-o", "addr", "show",
             "dev", "eth0"], capture_output=True, check=True).stdout.decode()
        return out.split()[3].split("/")[0]

    # ---- what is there ----

    def counts(self):
        """All that could leak, as numbers."""
        mounts = open("/proc/mounts").read()
        # Of this namespace; /sys shows the one that it was mounted in.
        links = [name for _, name in socket.if_nameindex()]
        cgroups = 0
        for where, _, _ in os.walk(CGROUP):
            cgroups += "/swarm/" in where + "/"
        tables = subprocess.run(["nft", "list", "ruleset"],
                                capture_output=True, check=False).stdout
        tree = 0
        for part in ("root/containers", "run/tasks", "run/runc"):
            for _, dirs, files in os.walk(os.path.join(self.dir, part)):
                tree += len(dirs) + len(files)
        return {
            "processes": len([p for p in processes(self.dir)
                              if not self.process or p != self.process.pid]),
            "mounts": mounts.count(self.dir),
            "veths": len([l for l in links if l.startswith(("sw", "veth"))
                          and not l.startswith("swarm")]),
            "cgroups": cgroups,
            "files": tree,
            "nft lines": len(tables.splitlines()),
        }


def curl(url, *args, ok=True):
    done = subprocess.run(["curl", "-sS", "--max-time", "5", *args, url],
                          capture_output=True, check=False)
    if ok and done.returncode != 0:
        raise Failed(f"curl {url}: {done.stderr.decode()}")
    return done.stdout.decode() if done.returncode == 0 else None
