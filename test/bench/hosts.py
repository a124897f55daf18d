"""hosts.py - hosts for make bench: network namespaces on one bridge, and what
runs on them: our managers and workers, or three members of etcd. All that is
started is ended by its pid, also when a measurement fails.
"""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SWARM = os.path.abspath(os.environ.get("SWARM", os.path.join(ROOT, "swarm")))
NET = "10.99.0."
# Whatever is started ends with this program.
LEASH = ["setpriv", "--pdeathsig", "KILL", "--"]


class Failed(Exception):
    """A measurement could not be made."""


def enter():
    """This program again, in network and mount namespaces of its own."""
    if os.environ.get("SWARM_BENCH") == "inside":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        return
    if os.geteuid() != 0:
        sys.exit("bench: namespaces need root")
    os.environ["SWARM_BENCH"] = "inside"
    try:  # what else runs here disturbs both sides less
        os.setsid()
        with open("/proc/self/autogroup", "w") as f:
            f.write("-19")
    except OSError:
        pass
    os.execvp("unshare", [
        "unshare", "-n", "-m", "--propagation", "private", "sh", "-c",
        'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv])


def command(*argv, check=True):
    return subprocess.run(argv, check=check, capture_output=True,
                          timeout=120).stdout.decode()


def say(what, value, goal=""):
    print(f"{what:<58} {value:>14}  {goal}", flush=True)


def wait_for(what, fn, seconds=30):
    """The first true value of fn()."""
    end = time.monotonic() + seconds
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def processes(word):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read()
        except OSError:
            continue
        if word.encode() in line and int(pid) != os.getpid():
            found.append(int(pid))
    return found


def sweep(word):
    """Ends, by pid, what has word in its command line."""
    for _ in range(100):
        left = processes(word)
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.02)


class Host:
    """One host: its own network, mounts and name."""

    def __init__(self, bridge, number, bits):
        self.ip = NET + str(number)
        self.name, self.link = f"host{number}", f"{bridge}-{number}"
        self.holder = subprocess.Popen(
            [*LEASH, "unshare", "-n", "-m", "-u", "--propagation", "private",
             "sh", "-c", 'hostname "$0" && ip link set lo up && echo up && '
             'exec sleep infinity', self.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"up\n":
            raise Failed("a namespace could not be made")
        command("ip", "link", "add", self.link, "type", "veth", "peer",
                "name", "eth0", "netns", str(self.holder.pid))
        command("ip", "link", "set", self.link, "master", bridge, "up")
        self.run("ip", "addr", "add", f"{self.ip}/{bits}", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "via", NET + "254")

    def inside(self, argv):
        return [*LEASH, "nsenter", "-t", str(self.holder.pid), "-n", "-m", "-u",
                "--", *argv]

    def run(self, *argv):
        return command(*self.inside(argv))

    def cut(self):
        command("ip", "link", "set", self.link, "down")

    def mend(self):
        command("ip", "link", "set", self.link, "up")

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Net:
    """A bridge and its hosts; use as a context manager."""

    def __init__(self, count, bits=24):
        self.dir = tempfile.mkdtemp(prefix="swarm-bench-")
        self.bridge = "bench"
        self.count, self.bits, self.hosts = count, bits, []

    def __enter__(self):
        command("ip", "link", "add", self.bridge, "type", "bridge")
        command("ip", "addr", "add", f"{NET}254/{self.bits}", "dev", self.bridge)
        command("ip", "link", "set", self.bridge, "up")
        for i in range(self.count):
            self.hosts.append(Host(self.bridge, i + 1, self.bits))
        return self

    def __exit__(self, kind, value, trace):
        sweep(self.dir)
        for h in self.hosts:
            h.close()
        command("ip", "link", "del", self.bridge, check=False)
        sweep_cgroups(self.dir)
        keep = kind is not None and os.environ.get("KEEP")
        if keep:
            print("kept:", self.dir, file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def sweep_cgroups(scratch):
    """Containers whose supervisors were ended."""
    tasks = set()
    for where, dirs, _ in os.walk(scratch):
        if os.path.basename(where) == "tasks":
            tasks.update(dirs)
    for where, _, _ in list(os.walk("/sys/fs/cgroup", topdown=False)):
        if os.path.basename(where) not in tasks:
            continue
        try:
            with open(os.path.join(where, "cgroup.procs")) as f:
                for pid in f.read().split():
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.05)
            os.rmdir(where)
        except OSError:
            pass


class Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """Our daemon on a host."""

    def __init__(self, net, host, *args):
        self.host, self.args = host, args
        self.dir = os.path.join(net.dir, host.name)
        self.root = os.path.join(self.dir, "root")
        self.run_dir = os.path.join(self.dir, "run")
        self.sock = os.path.join(self.run_dir, "swarm.sock")
        self.log = os.path.join(self.dir, "log")
        self.id = None
        self.process = None
        os.makedirs(self.dir, exist_ok=True)

    def start(self, wait=True):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                self.host.inside([SWARM, "daemon", "--root", self.root,
                                  "--run", self.run_dir, *self.args]),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if wait:
            wait_for("the daemon answers", self.answers)
        return self

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log) as f:
                raise Failed("the daemon ended:\n" + f.read()[-3000:])
        try:
            return self.ask("GET", "/_ping") is not None
        except OSError:
            return False

    def ask(self, method, path, body=None, timeout=60):
        """The answer's body, decoded; Failed for an error."""
        http_ = Unix(self.sock, timeout)
        try:
            http_.request(method, path, json.dumps(body) if body else None,
                          {"Content-Type": "application/json"} if body else {})
            answer = http_.getresponse()
            data = answer.read()
        except http.client.HTTPException as e:
            raise OSError(str(e)) from e
        finally:
            http_.close()
        if answer.status >= 300:
            raise Failed(f"{self.host.name}: {method} {path}: "
                         f"{answer.status} {data.decode()}")
        try:
            return json.loads(data)
        except ValueError:
            return data

    def init(self):
        self.ask("POST", "/swarm/init", {
            "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": self.host.ip})
        return self.know()

    def know(self):
        self.id = self.ask("GET", "/info")["Swarm"]["NodeID"]
        return self

    def join(self, other, role):
        tokens = other.ask("GET", "/swarm")["JoinTokens"]
        self.ask("POST", "/swarm/join", {
            "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": self.host.ip,
            "RemoteAddrs": [other.host.ip + ":2377"],
            "JoinToken": tokens[role]})
        return self.know()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """SIGTERM, and until it has ended."""
        self.process.terminate()
        self.process.wait(30)


def nodes(daemon):
    return daemon.ask("GET", "/nodes")


def leader_of(daemons):
    """The daemon that leads, as the others see it, once one does."""
    by_id = {d.id: d for d in daemons}

    def look():
        for d in daemons:
            if d.process.poll() is not None:
                continue
            try:
                for n in nodes(d):
                    if (n.get("ManagerStatus") or {}).get("Leader"):
                        return by_id.get(n["ID"])
            except (OSError, Failed):
                pass
        return None
    return wait_for("a leader", look)


def managers(net, count=3):
    """A cluster of managers on the first hosts, all of them voters."""
    all_ = [Daemon(net, h).start() for h in net.hosts[:count]]
    all_[0].init()
    for d in all_[1:]:
        d.join(all_[0], "Manager")

    def reachable():
        have = [n for n in nodes(all_[0])
                if (n.get("ManagerStatus") or {}).get("Reachability")
                == "reachable"]
        return len(have) == count
    wait_for(f"{count} managers", reachable)
    return all_


# ---- etcd -----------------------------------------------------------------

def make_certificates(d, hosts):
    """A CA and one certificate for members and clients, P-256 as ours."""
    os.makedirs(d)
    ca, key = os.path.join(d, "ca.pem"), os.path.join(d, "ca.key")
    names = ",".join(["IP:" + h.ip for h in hosts] + ["IP:127.0.0.1"])
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command("openssl", "req", "-x509", *curve, "-keyout", key, "-out", ca,
            "-days", "30", "-subj", "/CN=bench")
    command("openssl", "req", *curve, "-keyout", os.path.join(d, "key.pem"),
            "-out", os.path.join(d, "csr"), "-subj", "/CN=member")
    ext = os.path.join(d, "ext")
    with open(ext, "w") as f:
        f.write(f"subjectAltName={names}\n"
                "extendedKeyUsage=serverAuth,clientAuth\n")
    command("openssl", "x509", "-req", "-in", os.path.join(d, "csr"), "-CA",
            ca, "-CAkey", key, "-CAcreateserial", "-days", "30", "-extfile",
            ext, "-out", os.path.join(d, "cert.pem"))
    return ca, os.path.join(d, "cert.pem"), os.path.join(d, "key.pem")


class Etcd:
    """Debian's etcd on some hosts, TLS with certificates everywhere."""

    def __init__(self, net, hosts):
        self.net, self.hosts, self.members = net, hosts, []
        self.dir = os.path.join(net.dir, "etcd")
        self.tls = make_certificates(os.path.join(net.dir, "pki"), hosts)

    def start(self):
        ca, cert, key = self.tls
        cluster = ",".join(f"{h.name}=https://{h.ip}:2380" for h in self.hosts)
        for h in self.hosts:
            os.makedirs(os.path.join(self.dir, h.name), mode=0o700)
            argv = ["etcd", "--name", h.name, "--data-dir",
                    os.path.join(self.dir, h.name),
                    "--listen-peer-urls", f"https://{h.ip}:2380",
                    "--initial-advertise-peer-urls", f"https://{h.ip}:2380",
                    "--listen-client-urls", f"https://{h.ip}:2379",
                    "--advertise-client-urls", f"https://{h.ip}:2379",
                    "--initial-cluster", cluster, "--log-level", "error",
                    "--quota-backend-bytes", str(8 << 30)]
            for part in ("", "peer-"):
                argv += [f"--{part}cert-file", cert, f"--{part}key-file", key,
                         f"--{part}trusted-ca-file", ca,
                         f"--{part}client-cert-auth"]
            with open(os.path.join(self.dir, h.name + ".log"), "w") as log:
                self.members.append(subprocess.Popen(
                    h.inside(argv), stdout=log, stderr=log,
                    stdin=subprocess.DEVNULL))
        wait_for("etcd", self.leader, 60)
        return self

    def ctl(self, *args):
        ca, cert, key = self.tls
        ends = ",".join(f"https://{h.ip}:2379" for h in self.hosts)
        return command("env", "ETCDCTL_API=3", *self.hosts[0].inside([
            "etcdctl", "--endpoints", ends, "--cacert", ca, "--cert", cert,
            "--key", key, *args]), check=False)

    def leader(self):
        """The host whose member leads, or None."""
        try:
            for row in json.loads(self.ctl("endpoint", "status", "-w", "json")):
                if row["Status"]["leader"] == \
                        row["Status"]["header"]["member_id"]:
                    for h in self.hosts:
                        if h.ip + ":" in row["Endpoint"]:
                            return h
        except (ValueError, KeyError):
            pass
        return None
