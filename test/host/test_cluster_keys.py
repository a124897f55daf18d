"""Keys, locks, certificates: what is sealed, what is renewed, what is told."""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

from cluster import Cluster, run
from node import SWARM, check, check_in, wait_for
from test_cluster_faults import create, pids, state_of, stays

LOCKED = "Swarm is encrypted and needs to be unlocked before it can be used"
EC_KEY = bytes.fromhex("30770201010420")  # how each P-256 key in DER begins


def key_in(text):
    return re.search(r"SWMKEY-1-[A-Za-z0-9+/]{43}", text).group(0)


def restart(h):
    h.kill()
    h.start()


def unlocked(c, h, key):
    h.swarm("unlock", stdin=key.encode() + b"\n")
    wait_for(f"{h.name} is back", lambda: h.state() == "active")
    c.wait_ready()


def test_autolock():
    """Locked after each restart, says so whatever is asked, and runs what it
    ran; the key opens it, an old one does not; without autolock it opens by
    itself."""
    with Cluster(managers=3, init=["--autolock"]) as c:
        m, h = c.leader(), c.followers()[0]
        create(m, "--mode", "global")
        m.wait_running("w", 3)
        before = pids(m)
        key = key_in(m.swarm("unlock-key"))
        check(key == m.swarm("unlock-key", "-q").strip(), "the same")
        restart(h)
        check(h.state() == "locked", h.state())
        for argv in (["node", "ls"], ["service", "ls"], ["unlock-key"],
                     ["service", "create", "swarm/whoami"], ["ca"],
                     ["join-token", "worker"], ["leave"]):
            said = h.swarm(*argv, ok=False)
            check(LOCKED in said, f"{argv}: {said}")
        for path in ("/nodes", "/services", "/tasks", "/swarm",
                     "/services/w/logs?stdout=1"):
            a = h.ask("GET", path)
            check(a.status == 503 and LOCKED in a.body.decode(),
                  (path, a.status, a.body))
        check(pids(m) == before, "what ran runs")
        wrong = key[:-6] + ("AAAAAA" if key[-6:] != "AAAAAA" else "BBBBBB")
        h.swarm("unlock", stdin=wrong.encode() + b"\n", ok=False)
        check(h.state() == "locked", "a wrong key does not open it")
        unlocked(c, h, key)
        new = key_in(m.swarm("unlock-key", "--rotate"))
        check(new != key, "another one")
        wait_for("all are sealed anew", lambda: opens(c, h, key, new))
        for x in c.hosts:
            restart(x)
        check(all(x.state() == "locked" for x in c.hosts), "all are locked")
        for x in c.hosts:
            x.swarm("unlock", stdin=new.encode() + b"\n")
        c.wait_ready()
        check(pids(c.leader()) == before, "no task was touched")
        m = c.leader()
        m.swarm("update", "--autolock=false")
        time.sleep(1)  # nobody can see whether it sealed its own anew
        restart(h)
        check(h.state() != "locked", "it opens by itself")
        c.wait_ready()


def opens(c, h, old, new):
    """Restarted, the old key is refused, and the new one opens it."""
    restart(h)
    said = h.swarm("unlock", stdin=old.encode() + b"\n", ok=None)
    if h.state() != "locked":
        check("invalid" not in said, said)
        c.wait_ready()
        return False  # it had not heard of the new one yet
    unlocked(c, h, new)
    return True


def secrets_of(m):
    """Every secret that a person may see, without its public part."""
    tokens = [m.token(r) for r in ("worker", "manager")]
    key = key_in(m.swarm("unlock-key"))
    return [t.rsplit("-", 1)[1].encode() for t in tokens] + [
        key[len("SWMKEY-1-"):].encode()]


def files_of(h):
    for where, _, names in os.walk(h.dir):
        for name in names:
            path = os.path.join(where, name)
            if os.path.isfile(path) and not os.path.islink(path) and \
                    "/image" not in path:
                with open(path, "rb") as f:
                    yield path, f.read()


def command_lines():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for part in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{part}", "rb") as f:
                    if int(pid) != os.getpid():
                        yield f"/proc/{pid}/{part}", f.read()
            except OSError:
                pass


def test_secrets_are_nowhere_in_clear():
    """No token, unlock key or private key in state, logs, argv, environments
    or core files, with autolock and without."""
    for init in ([], ["--autolock"]):
        with Cluster(managers=2, workers=1, init=init) as c:
            m = c.leader()
            tokens = {r: m.token(r) for r in ("worker", "manager")}
            path = os.path.join(c.dir, "token")
            with open(path, "w") as f:
                f.write(tokens["worker"])
            h = c.host(args=["--log-level", "debug", "--join", m.ip + ":2377",
                             "--token", tokens["worker"]])
            wait_for("it joined", lambda: h.state() == "active" and h.know())
            c.wait_ready()
            if init:
                words = secrets_of(m)
            else:
                words = [t.rsplit("-", 1)[1].encode() for t in tokens.values()]
            os.unlink(path)
            for _ in range(2):  # as it was written, and as it is after that
                for x in c.hosts:
                    for path, data in files_of(x):
                        check_clean(path, data, words)
                for path, data in command_lines():
                    if h.dir.encode() in data and b"nsenter" not in data:
                        check_clean(path, data, words[:2])
                restart(c.hosts[2])
            check_no_core(h)


def check_clean(path, data, words):
    for w in words:
        check(w not in data, f"{path} has a secret")
    check(EC_KEY not in data and b"PRIVATE KEY" not in data,
          f"{path} has a private key")


def check_no_core(h):
    """A crash leaves no core file, whatever the limit."""
    resource.prlimit(h.pid, resource.RLIMIT_CORE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    before = set(os.listdir(f"/proc/{h.pid}/cwd"))
    cwd = os.readlink(f"/proc/{h.pid}/cwd")
    os.kill(h.pid, signal.SIGQUIT)
    h.process.wait()
    h.process = None
    left = {n for n in set(os.listdir(cwd)) - before if n.startswith("core")}
    for name in left:
        os.unlink(os.path.join(cwd, name))
    check(not left, f"a core file: {left}")


def shown(h, root, *args):
    """What openssl says of the certificate that a manager shows."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", h.ip + ":2377", "-showcerts",
         *(["-CAfile", root] if root else []), *args], input=b"",
        capture_output=True, check=False, timeout=20)
    return (done.stdout + done.stderr).decode(errors="replace")


def trusts(h, root):
    return "Verify return code: 0 (ok)" in shown(h, root)


def roots_of(m, c):
    return {h.name: (m.node(h)["Description"].get("TLSInfo") or {}).get(
        "TrustRoot") for h in c.hosts}


def test_the_root_is_rotated():
    """While services run and a host is away: all get new certificates, the
    progress is shown, then the old root is refused; old tokens, too."""
    with Cluster(managers=3, workers=2) as c:
        m, w, x = c.leader(), c.hosts[3], c.hosts[4]
        create(m, "--replicas", "5")
        m.wait_running("w", 5)
        before, old_token = pids(m), m.token("worker")
        old, new = (os.path.join(c.dir, n) for n in ("old.pem", "new.pem"))
        with open(old, "w") as f:
            f.write(m.swarm("ca"))
        check(all(trusts(h, old) for h in c.hosts[:3]), "the root is shown")
        stolen = os.path.join(c.dir, "stolen")
        x.stop()
        shutil.copytree(x.root, stolen, symlinks=True)
        x.start()
        c.wait_ready()
        out = m.swarm("ca", "--rotate")
        check_in("5/5 nodes", out)
        pem = out[out.index("-----BEGIN CERTIFICATE"):]
        with open(new, "w") as f:
            f.write(pem)
        check(m.swarm("ca").strip() == pem.strip(), "it is the root")
        check(open(old).read().strip() != pem.strip(), "it is another")
        c.wait_ready()
        for h in c.hosts[:3]:
            wait_for(f"{h.name} shows the new one", lambda h=h: trusts(h, new))
        wait_for("all trust it alone", lambda: set(roots_of(
            m, c).values()) == {pem.strip() + "\n"}
            or set(r.strip() for r in roots_of(m, c).values()) == {
                pem.strip()})
        check(pids(c.leader()) == before, "no task was touched")
        extra = c.host()
        check_in("does not match fingerprint", extra.join(
            m, token=old_token, ok=False))
        extra.join(m)
        for h in c.hosts:
            h.kill()
        for h in c.hosts:
            h.start(wait=False)
        c.wait_ready()
        check(pids(c.leader()) == before, "no task was touched")
        w.power_off()
        rotate = subprocess.Popen([SWARM, "-H", "unix://" + c.leader()
                                   .sock, "ca", "--rotate"],
                                  stdout=subprocess.PIPE)
        try:
            wait_for("one is missing", lambda: c.leader().ask(
                "GET", "/swarm").json()["RootRotationInProgress"])
            w.boot()
            check(rotate.wait(60) == 0, "it ends when the last one is there")
        finally:
            rotate.kill()
            rotate.stdout.close()
            rotate.wait()
        c.wait_ready()
        c.wait_converged()
        x.power_off()
        shutil.rmtree(x.root)
        os.rename(stolen, x.root)
        x.boot()
        wait_for("it is called down", lambda: state_of(m, x) == "down")
        stays("certificates by the old root are refused",
              lambda: state_of(c.leader(), x) == "down", 3)


def test_certificates_have_their_time():
    """--cert-expiry counts for the next ones (an hour is added before and
    after, for clocks that differ); less than an hour is refused.
    (A renewal by time is the simulator's: no host has a wall clock of its
    own here.)"""
    with Cluster(managers=1, workers=1) as c:
        m = c.hosts[0]
        check_in("minimum certificate expiry", m.swarm("update", "--cert-expiry", "59m",
                                        ok=False))
        m.swarm("update", "--cert-expiry", "1h")
        m.swarm("ca", "--rotate")
        pem = os.path.join(c.dir, "cert.pem")
        with open(pem, "w") as f:
            f.write(shown(m, None))
        text = run("openssl", "x509", "-in", pem, "-noout", "-text")
        check_in(f"CN = {m.id}", text)
        check_in("OU = swarm-manager", text)
        check_in("O = " + m.ask("GET", "/swarm").json()["ID"], text)
        run("openssl", "x509", "-in", pem, "-noout", "-checkend", "7000")
        check_in("will expire", run("openssl", "x509", "-in", pem, "-noout",
                                    "-checkend", "7300", ok=False))
        c.wait_ready()


def test_the_port_refuses_what_is_not_tls():
    """Noise, plain HTTP, old TLS, a foreign certificate: refused; it lives."""
    with Cluster(managers=1) as c:
        m = c.hosts[0]
        ours = os.path.join(c.dir, "x")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout", ours + ".key",
            "-out", ours + ".pem", "-subj",
            f"/O={m.ask('GET', '/swarm').json()['ID']}/OU=swarm-manager/"
            f"CN={m.id}")
        said = shown(m, None, "-cert", ours + ".pem", "-key",
                     ours + ".key")
        check("alert" in said, said)
        said = shown(m, None, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        check("Cipher is (NONE)" in said, said)
        for noise in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\0" * 99):
            with socket.create_connection((m.ip, 2377), 5) as s:
                s.sendall(noise)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
        c.write(m, "alive")
