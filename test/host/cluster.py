"""cluster.py - hosts that fail: each has its own network, mounts, processes
and name, all are on one bridge, and a real daemon runs on each.

A host's first process is a holder that does nothing: kill it, and all that is
on the host is gone at once, as when its power is cut. The holder dies with
the test's own process, so nothing outlives a test, however it ends.

CLOCK_REALTIME has no namespace: the wall clock of one host cannot jump here.
The simulator does that; here only the clock since boot differs (boot()).
"""
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from node import (CGROUP, DEADLINE, SANITIZED, SWARM, Failed, Node, check,
                  wait_for)

BRIDGE = "swarm-test"
NET = "10.9.0."
DIE = ctypes.CDLL(None).prctl  # loaded before any fork
SLOW = 3 if SANITIZED else 1   # what takes so many times longer

HOLD = """
hostname "$1" && mount -t tmpfs -o mode=755 none /run && ip link set lo up &&
trap '' CHLD && echo up && exec sleep infinity
"""


def die_with_parent():
    DIE(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def run(*argv, ok=True):
    done = subprocess.run(argv, capture_output=True, check=False, timeout=60,
                          stdin=subprocess.DEVNULL)
    out = (done.stdout + done.stderr).decode(errors="replace")
    if ok and done.returncode != 0:
        raise Failed(f"{' '.join(argv)}: exit {done.returncode}\n{out}")
    return out


def cgroups_of(tasks):
    """The cgroup directories of these tasks, innermost first."""
    return [where for where, _, _ in os.walk(CGROUP, topdown=False)
            if os.path.basename(where) in tasks]


class Host(Node):
    """One machine: Node's words work on it, when it is up."""

    # pylint: disable=super-init-not-called
    def __init__(self, cluster, number, args=()):
        self.cluster, self.number = cluster, number
        self.name = f"h{number}"
        self.ip = NET + str(number)
        self.dir = os.path.join(cluster.dir, self.name)
        self.root = os.path.join(self.dir, "root")
        self.run = os.path.join(self.dir, "run")
        self.sock = os.path.join(self.run, "swarm.sock")
        self.log_path = os.path.join(self.dir, "daemon.log")
        self.args = list(args)
        self.holder = self.process = None
        self.pid = 0  # the daemon's, as seen from here
        self.id = None
        self.paused = False
        os.makedirs(self.root, mode=0o711)

    # ---- the machine ----

    def boot(self, clock=None, wait=True):
        """Power on, and the daemon starts. clock: seconds that its clock
        since boot is ahead of ours."""
        shift = ["-T", "--boottime", str(clock)] if clock is not None else []
        os.makedirs(self.run, exist_ok=True)
        self.holder = subprocess.Popen(
            ["unshare", "-n", "-m", "-u", "-i", "-p", *shift, "--fork",
             "--kill-child", "--mount-proc", "--propagation", "private",
             "sh", "-c", HOLD, "sh", self.name],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        said = self.holder.stdout.readline()
        check(said == b"up\n", f"{self.name} does not boot: {said}")
        self.inner = int(open(f"/proc/{self.holder.pid}/task/"
                              f"{self.holder.pid}/children").read().split()[0])
        run("ip", "link", "add", f"sw-{self.name}", "type", "veth", "peer",
            "name", "eth0", "netns", str(self.inner))
        run("ip", "link", "set", f"sw-{self.name}", "master", BRIDGE, "up")
        self.inside("sh", "-c", f"ip addr add {self.ip}/24 dev eth0 && "
                    "ip link set eth0 up && "
                    f"ip route add default via {NET}254")
        return self.start(wait=wait)

    def inside(self, *argv, ok=True):
        """A command on this host."""
        return run("nsenter", "-t", str(self.inner), "-n", "-m", "-u", "-i",
                   "-p", *argv, ok=ok)

    def power_off(self):
        """As if the cable was pulled: nobody is told, /run is forgotten."""
        if self.holder is None:
            return
        run("ip", "link", "del", f"sw-{self.name}", ok=False)
        mine = [self.inner, self.holder.pid]
        if self.process:
            mine.append(self.process.pid)
        for pid in mine:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.holder.wait()
        self.holder.stdout.close()
        if self.process:
            self.process.wait()
        self.holder = self.process = None
        self.sweep_cgroups()
        shutil.rmtree(self.run, ignore_errors=True)
        self.paused = False

    def sweep_cgroups(self):
        try:
            tasks = set(os.listdir(os.path.join(self.run, "tasks")))
        except OSError:
            return
        end = time.monotonic() + 5
        left = cgroups_of(tasks) if tasks else []
        while left and time.monotonic() < end:
            for where in left:
                try:
                    os.rmdir(where)
                except OSError:
                    time.sleep(0.01)
            left = [w for w in left if os.path.exists(w)]
        check(not left, f"cgroups stay: {left}")

    def renumber(self, ip):
        """eth0 has another address from now on, and the old one not."""
        old, self.ip = self.ip, ip
        self.inside("sh", "-c", f"ip addr del {old}/24 dev eth0 && "
                    f"ip addr add {ip}/24 dev eth0 && "
                    f"ip route replace default via {NET}254")

    # ---- its links: what is dropped when it comes in ----

    def drop_from(self, *others):
        addrs = ", ".join(o.ip for o in others)
        self.inside("nft", "add table ip cut; add set ip cut from "
                    "{ type ipv4_addr; }; add chain ip cut in { type filter "
                    "hook prerouting priority -400; }; flush chain ip cut in; "
                    "add rule ip cut in ip saddr @from drop; "
                    f"add element ip cut from {{ {addrs} }}")

    def heal(self):
        self.inside("nft", "add table ip cut; delete table ip cut")

    # ---- the daemon ----

    def start(self, wait=True):
        if self.holder is None:
            return self.boot(wait=wait)
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(
                ["nsenter", "-t", str(self.inner), "-n", "-m", "-u", "-i",
                 "-p", "-T", SWARM, "daemon", "--root", self.root, "--run",
                 self.run, *self.args], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"

        def child():
            if self.process.poll() is not None:
                raise Failed("the daemon ended:\n" + self.log()[-3000:])
            return open(children).read().split()
        self.pid = int(wait_for("nsenter forks", child)[0])
        if wait:
            wait_for(f"{self.name} answers", self.answers)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.name}'s daemon ended:\n{self.log()[-3000:]}")
        try:
            return self.ask("GET", "/_ping").status == 200
        except OSError:
            return False

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self):
        """SIGTERM; gives the exit code."""
        if not self.is_up():
            return 0
        os.kill(self.pid, signal.SIGTERM)
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} does not end on SIGTERM") from None
        self.process = None
        return code

    def pause(self):
        """SIGSTOP to the daemon; nsenter stops itself when its child does."""
        os.kill(self.pid, signal.SIGSTOP)
        self.paused = True
        wait_for("nsenter stops", lambda: open(
            f"/proc/{self.process.pid}/stat").read().split()[2] == "T")

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)
        os.kill(self.process.pid, signal.SIGCONT)
        self.paused = False

    # ---- the cluster as it sees it ----

    def init(self, *flags):
        self.swarm("init", "--advertise-addr", "eth0", *flags)
        return self.know()

    def know(self):
        self.id = self.info()["NodeID"]
        return self

    def info(self):
        return self.ask("GET", "/info").json()["Swarm"]

    def state(self):
        """"active", "pending", "locked", ...; None: it does not answer."""
        try:
            return self.info()["LocalNodeState"]
        except (OSError, ValueError):
            return None

    def token(self, role):
        return self.swarm("join-token", "-q", role).strip()

    def join(self, manager, role="worker", token=None, ok=True, args=()):
        """Through that manager, by the token that it has now."""
        token = token or manager.token(role)
        at = manager if isinstance(manager, str) else manager.ip + ":2377"
        said = self.swarm("join", "--token", token, "--advertise-addr", "eth0",
                          *args, at, ok=ok)
        if ok:
            self.know()
        return said

    def nodes(self):
        """{id: node}, or {} while it cannot say."""
        try:
            a = self.ask("GET", "/nodes")
        except OSError:
            return {}
        return {n["ID"]: n for n in a.json()} if a.status == 200 else {}

    def node(self, which):
        """Another host's node object, as this manager has it."""
        return self.nodes().get(which.id)

    def tell(self):
        """What it knows, in lines, for the report of a failure."""
        try:
            tasks = self.ask("GET", "/tasks")
            rows = [(t["ID"][:5], t.get("NodeID", "-")[:5], t["DesiredState"],
                     t["Status"]["State"], t["Status"].get("Err"))
                    for t in tasks.json()] if tasks.status == 200 else \
                [tasks.json()]
            rows += [(n["ID"][:5], n["Description"]["Hostname"], n["Status"],
                      n["Spec"], n.get("ManagerStatus"))
                     for n in self.nodes().values()]
            return "\n  ".join(str(r) for r in [self.info(), *rows])
        except (OSError, ValueError) as e:
            return str(e)

    # ---- what is really on the host ----

    def supervisors(self):
        """{task id: pid} of the supervisors that live here."""
        found = {}
        here = os.path.join(self.run, "tasks").encode() + b"/"
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    line = f.read()
                with open(f"/proc/{pid}/stat") as f:
                    dead = f.read().rsplit(")", 1)[1].split()[0] in "ZX"
            except OSError:
                continue
            m = re.search(re.escape(here) + rb"([a-z0-9]+)", line)
            if m and not dead:
                found[m.group(1).decode()] = int(pid)
        return found

    def outer_pid(self, pid):
        """What a pid of this host is called here."""
        inner = os.stat(f"/proc/{self.inner}/ns/pid").st_ino
        for p in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{p}/status") as f:
                    ids = re.search(r"^NSpid:(.*)$", f.read(), re.M)
                ids = ids.group(1).split()
                if str(pid) in ids[1:2] and self.owns(int(p), inner):
                    return int(p)
            except OSError:
                continue
        return None

    def owns(self, p, inner):
        """Is p on this host: did one of its pid namespace begin it?"""
        while p > 1:
            try:
                if os.stat(f"/proc/{p}/ns/pid").st_ino == inner:
                    return True
                with open(f"/proc/{p}/stat") as f:
                    p = int(f.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                return False
        return False

    def kill_container(self, pid):
        self.inside("kill", "-9", str(pid))


class Cluster:
    """Hosts on a bridge; use as a context manager."""

    def __init__(self, managers=0, workers=0, init=(), args=()):
        self.dir = tempfile.mkdtemp(prefix="swarm-cl-")
        os.chmod(self.dir, 0o755)
        self.hosts, self.args = [], list(args)
        self.mounts = []
        self.want = (managers, workers, init)

    def __enter__(self):
        try:
            run("ip", "link", "add", BRIDGE, "type", "bridge")
            run("ip", "addr", "add", NET + "254/24", "dev", BRIDGE)
            run("ip", "link", "set", BRIDGE, "up")
            self.build(*self.want)
        except BaseException:
            self.report()
            self.end()
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.report()
        self.end()

    def report(self):
        for h in self.hosts:
            if h.is_up() and not h.paused:
                print(f"---- {h.name} {h.ip} {h.id}: {h.tell()}")
        for h in self.hosts:
            if os.path.exists(h.log_path):
                print(f"---- {h.name} {h.ip} {h.id}\n{h.log()[-2500:]}")
        keep = os.environ.get("KEEP_LOGS")
        if keep:
            os.makedirs(keep, exist_ok=True)
            for h in self.hosts:
                if os.path.exists(h.log_path):
                    shutil.copy(h.log_path, os.path.join(keep, h.name))

    def end(self):
        for h in self.hosts:
            h.power_off()
        for where in reversed(self.mounts):
            run("umount", "-l", where, ok=False)
        run("ip", "link", "del", BRIDGE, ok=False)
        shutil.rmtree(self.dir, ignore_errors=True)
        left = [w for w in open("/proc/mounts").read().split()
                if w.startswith(self.dir)]
        check(not left and not os.path.exists(self.dir),
              f"left: {self.dir} {left}")

    # ---- to make it ----

    def host(self, size=None, boot=True, args=()):
        """One more; size: its root is a file system of its own, so large."""
        h = Host(self, len(self.hosts) + 1, [*self.args, *args])
        self.hosts.append(h)
        if size:
            run("mount", "-t", "tmpfs", "-o", f"size={size},mode=711", "none",
                h.root)
            self.mounts.append(h.root)
        return h.boot() if boot else h

    def build(self, managers, workers, init=()):
        for _ in range(managers + workers):
            self.host(boot=False).boot(wait=False)
        for h in self.hosts:
            wait_for(f"{h.name} answers", h.answers)
        if managers == 0:
            return
        first = self.hosts[0].init(*init)
        tokens = {r: first.token(r) for r in ("manager", "worker")}
        for h in self.hosts[1:managers]:
            h.join(first, token=tokens["manager"])
        for h in self.hosts[managers:]:
            h.join(first, token=tokens["worker"])
        self.wait_ready()

    # ---- to ask it ----

    def managers(self):
        """The hosts that are managers and answer."""
        return [h for h in self.hosts if h.is_up() and not h.paused and
                h.state() == "active" and h.info()["ControlAvailable"]]

    def leader(self, among=None):
        """The host that leads, as one of these managers says."""
        by_id = {h.id: h for h in self.hosts}

        def find():
            for m in among or self.hosts:
                if not m.is_up() or m.paused:
                    continue
                for n in m.nodes().values():
                    if (n.get("ManagerStatus") or {}).get("Leader"):
                        if by_id.get(n["ID"]) and by_id[n["ID"]].is_up():
                            return by_id[n["ID"]]
            return None
        return wait_for("there is a leader", find)

    def followers(self):
        leader = self.leader()
        return [h for h in self.managers() if h is not leader]

    def workers(self):
        return [h for h in self.hosts if h.is_up() and
                not h.info()["ControlAvailable"]]

    def wait_ready(self, hosts=None, by=None, seconds=None):
        """Every manager (by) sees all these hosts as ready."""
        hosts = hosts or [h for h in self.hosts if h.id and h.is_up()]

        def ready():
            for m in by or self.managers():
                nodes = m.nodes()
                for h in hosts:
                    n = nodes.get(h.id)
                    if n is None or n["Status"]["State"] != "ready":
                        return False
                    status = n.get("ManagerStatus")
                    if status and status["Reachability"] != "reachable":
                        return False
            return True
        try:
            wait_for("all nodes are ready", ready, seconds)
        except Failed as e:
            seen = {m.name: [(n["Description"]["Hostname"], n["Status"],
                              n.get("ManagerStatus"))
                             for n in m.nodes().values()]
                    for m in self.managers()}
            raise Failed(f"{e}: {seen}") from None

    def write(self, at, name, seconds=None):
        """A write that must work, soon: a service without tasks."""
        def created():
            try:
                a = at.ask("POST", "/services/create", {
                    "Name": name, "TaskTemplate": {
                        "ContainerSpec": {"Image": "swarm/whoami"}},
                    "Mode": {"Replicated": {"Replicas": 0}}},
                    {"Idempotency-Key": f"{id(self)}-{name}"})
            except OSError:
                return False
            said[0] = a.body
            return a.status == 201
        said = [None]
        try:
            wait_for(f"a write through {at.name}", created, seconds)
        except Failed as e:
            raise Failed(f"{e}: {said[0]}") from None

    # ---- links ----

    def cut(self, *groups):
        """Hosts of different groups do not hear each other."""
        for g in groups:
            others = [h for o in groups if o is not g for h in o]
            for h in g:
                if others and h.holder:
                    h.drop_from(*others)

    def heal(self):
        for h in self.hosts:
            if h.holder:
                h.heal()

    # ---- does all agree? ----

    def same_everywhere(self):
        """What all managers have, when each has the same; else None."""
        first = None
        for m in self.managers():
            try:
                got = [m.ask("GET", p) for p in ("/nodes", "/services",
                                                 "/tasks", "/networks")]
            except OSError:
                return None
            if any(a.status != 200 for a in got):
                return None
            got = [sorted(a.json(), key=lambda o: o.get("ID") or o["Id"])
                   for a in got]
            if first is not None and got != first:
                return None
            first = got
        return first

    def wait_converged(self, seconds=None):
        """All managers say the same, every service has its tasks running, and
        on each host is what is wanted there, no more and no less."""
        why = [None]

        def converged():
            all_ = self.same_everywhere()
            if all_ is None:
                why[0] = "the managers differ"
                return False
            why[0] = self.unwanted(*all_)
            return not why[0]
        try:
            wait_for("the cluster converges", converged, seconds)
        except Failed as e:
            raise Failed(f"{e}: {why[0]}") from None

    def unwanted(self, nodes, services, tasks, _):
        for s in services:
            want = s["Spec"]["Mode"].get("Replicated", {}).get("Replicas")
            if want is None:
                continue
            run_ = [t for t in tasks if t["ServiceID"] == s["ID"] and
                    t["Status"]["State"] == t["DesiredState"] == "running"]
            if len(run_) != want:
                return f"{s['Spec']['Name']}: {len(run_)} of {want} run: " + \
                    str([(t["NodeID"], t["Status"]["State"],
                          t["DesiredState"], t["Status"].get("Err"))
                         for t in tasks if t["ServiceID"] == s["ID"]])
        for h in self.hosts:
            if h.holder is None or h.id not in {n["ID"] for n in nodes}:
                continue
            want = {t["ID"] for t in tasks if t.get("NodeID") == h.id and
                    t["DesiredState"] == "running" and
                    t["Status"]["State"] == "running"}
            there = set(h.supervisors())
            if want != there:
                return f"{h.name}: missing {want - there}, " \
                       f"left over {there - want}"
        return None


def port_open(ip, port):
    with socket.socket() as s:
        s.settimeout(2)
        return s.connect_ex((ip, port)) == 0
