"""What the disk may do to a daemon: be full, read-only, damaged, foreign."""
import hashlib
import os
import random
import signal
import socket
import stat
import subprocess

import archives
from node import SWARM, Failed, Node, check, check_in, wait_for


class Small:
    """A node whose ROOT is a small tmpfs, that can be filled."""

    def __init__(self, size="64m"):
        self.n = Node()
        os.makedirs(self.n.root)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=711",
                        "none", self.n.root], check=True)
        self.ballast = os.path.join(self.n.root, "ballast")

    def __enter__(self):
        try:
            self.n.start()
        except BaseException:
            self.n.stop()
            self.n.sweep()
            raise
        return self

    def __exit__(self, *why):
        self.free()
        return self.n.__exit__(*why)

    def fill(self, keep_pages=0):
        with open(self.ballast, "wb") as f:
            for size in (1 << 16, 1 << 12):
                try:
                    while True:
                        os.write(f.fileno(), bytes(size))
                except OSError:
                    pass
            f.truncate(max(0, f.tell() - keep_pages * 4096))

    def free(self):
        if os.path.exists(self.ballast):
            os.unlink(self.ballast)


def names(n):
    return {s["Spec"]["Name"] for s in n.ask("GET", "/services").json()}


def create_until_refused(n, known, limit=4000):
    """Creates services until one is refused; gives what was said. The store's
    tail has room for many when the disk has none."""
    for i in range(limit):
        a = n.ask("POST", "/services/create", {
            "Name": f"s{len(known)}x{i}", "Labels": {"pad": "x" * 3000},
            "TaskTemplate": {"ContainerSpec": {"Image": "swarm/whoami"}},
            "Mode": {"Replicated": {"Replicas": 0}}})
        if a.status != 201:
            return a
        known.add(f"s{len(known)}x{i}")
    raise Failed("the disk never was full")


def runs(n, name, *flags):
    """A service of a small image (a sanitized swarm/whoami is none)."""
    n.swarm("image", "load", stdin=archives.old_save(
        [(["box:1"], [archives.shell()])]))
    n.create("--name", name, "--stop-grace-period", "1s", *flags, "box:1",
             "sleep", "1000")


def test_a_full_disk_is_said_and_nothing_acknowledged_is_lost():
    """Filled while requests come; told; goes on by itself when freed."""
    with Small() as small:
        n = small.n
        n.init()
        known = set()
        pid = n.process.pid
        for keep in (0, 1, 5, 30):
            small.fill(keep)
            a = create_until_refused(n, known)
            check(a.status == 503, (a.status, a.body))
            check_in("is full", a.json()["message"])
            check_in("the disk is full; free some space", n.log())
            again = n.swarm("service", "create", "--detach", "--name", "no",
                            "swarm/whoami", ok=False)
            check_in("until there is space", again)
            check(known <= names(n), "reading goes on, and all is there")
            small.free()
            wait_for("it can be changed again", lambda: n.ask(
                "POST", "/services/create", {
                    "Name": f"ok{keep}", "TaskTemplate": {"ContainerSpec": {
                        "Image": "swarm/whoami"}},
                    "Mode": {"Replicated": {"Replicas": 0}}}).status == 201)
            known.add(f"ok{keep}")
            check_in("has space again", n.log())
        check(n.process.pid == pid and n.process.poll() is None, "one daemon")
        n.kill()
        n.start()
        check(known <= names(n), f"lost {known - names(n)}")


def test_killed_on_a_full_disk_it_starts_on_it_too():
    """Containers stay, the reason is told at once, space heals it."""
    with Small() as small:
        n = small.n
        n.init()
        runs(n, "w")
        task = n.wait_running("w")[0]["Status"]["ContainerStatus"]["PID"]
        known = {"w"}
        small.fill()
        create_until_refused(n, known)
        n.kill()
        small.fill()
        n.start()
        os.kill(task, 0)
        check_in("is full", create_until_refused(n, known).json()["message"])
        check(n.process.poll() is None, "it stays up")
        small.free()
        wait_for("it heals", lambda: n.ask("GET", "/services").status == 200)
        check(known <= names(n), f"lost {known - names(n)}")
        check(n.live("w")[0]["Status"]["ContainerStatus"]["PID"] == task,
              "the container is the same")


def test_a_full_disk_can_be_left_and_stopped():
    with Small() as small:
        n = small.n
        n.init()
        runs(n, "w", "--replicas", "2", "--restart-delay", "0s")
        task = n.tasks("w")[0]["Status"]["ContainerStatus"]["PID"]
        small.fill()
        create_until_refused(n, set())
        check(n.stop() == 0, "it stops on SIGTERM")
        n.start()
        wait_for("it is full again", lambda: "is full" in n.swarm(
            "service", "update", "--detach", "--label-add",
            "x=" + "y" * 20000, "w", ok=None))
        # An end that cannot be written down, and then the leave.
        os.kill(task, signal.SIGKILL)
        n.swarm("leave", "--force")
        check_in("inactive", n.swarm("info"))
        wait_for(f"nothing is left: {n.counts()}", lambda: (
            lambda c: not c["processes"] and not c["files"] and
            not c["veths"])(n.counts()))


def refused(n, *words, args=None):
    """The daemon does not start: one sentence, exit 1, no signal."""
    done = subprocess.run(
        [SWARM, "daemon", *(args or ["--root", n.root, "--run", n.run])],
        capture_output=True, timeout=30, check=False)
    text = done.stderr.decode(errors="replace")
    check(done.returncode == 1, f"exit {done.returncode}: {text}")
    for word in words:
        check_in(word, text)
    check(len(text.strip().splitlines()) == 1, f"one sentence: {text!r}")
    return text


def test_a_read_only_root_is_refused():
    with Small() as small:
        n = small.n
        n.init()
        n.stop()
        subprocess.run(["mount", "-o", "remount,ro", n.root], check=True)
        refused(n, n.root, "read-only")
        subprocess.run(["mount", "-o", "remount,rw", n.root], check=True)
        n.start()
        check(names(n) == set(), "it is there")


def test_a_new_root_on_a_full_disk_is_refused():
    with Small() as small:
        n = small.n
        n.stop()
        for name in os.listdir(n.root):
            subprocess.run(["rm", "-rf", os.path.join(n.root, name)],
                           check=True)
        small.fill()
        text = refused(n)
        check("full" in text or "No space" in text, text)
        small.free()
        n.start()


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


class Stopped:
    """A daemon with some state, stopped; gives its files back at the end."""

    def __enter__(self):
        self.n = Node()
        try:
            self.n.start()
            self.n.init()
            for i in range(4):
                self.n.create("--name", f"s{i}", "--replicas", "0",
                              "swarm/whoami")
            # More than the tail takes: what was there goes to the tables.
            check(self.n.ask("POST", "/services/create", {
                "Name": "s4", "Labels": {"pad": "x" * 300000},
                "TaskTemplate": {"ContainerSpec": {"Image": "swarm/whoami"}},
                "Mode": {"Replicated": {"Replicas": 0}}}).status == 201,
                "a large service")
            self.n.stop()
        except BaseException:
            self.n.stop()
            self.n.sweep()
            raise
        self.state = os.path.join(self.n.root, "state")
        self.data = os.path.join(self.state, "data.mdb")
        self.key = os.path.join(self.state, "key")
        self.tail = os.path.join(self.state, "tail")
        self.whole = {p: open(p, "rb").read()
                      for p in (self.data, self.key, self.tail)}
        return self.n, self

    def put_back(self):
        for path, content in self.whole.items():
            with open(path, "wb") as f:
                f.write(content)
        os.chmod(self.key, 0o600)

    def __exit__(self, *why):
        try:
            self.put_back()
            if why[0] is None:
                self.n.start()
                check(len(names(self.n)) == 5, "with its files it is as before")
        finally:
            self.n.__exit__(*why)


def ends_well(n):
    """Starts, and answers or is refused with a sentence; never a signal."""
    n.start(wait=False)

    def answered():
        if n.process.poll() is not None:
            return "refused"
        try:
            return n.ask("GET", "/_ping").status == 200 and "up"
        except OSError:
            return None
    how = wait_for("it is up, or refuses", answered)
    if how == "up":
        n.kill()
    else:
        check(n.process.returncode == 1, f"exit {n.process.returncode}: "
              f"{n.log()[-500:]}")
    return how


def test_damaged_bytes_are_refused_or_harmless():
    """At many places; the file is left alone when it is refused."""
    with Stopped() as (n, s):
        rnd = random.Random(int(os.environ.get("SEED", "7")))
        whole = s.whole[s.data]
        refusals = 0
        for i in range(40):
            # Pages' heads and ends are used; their middles may not be.
            at = rnd.randrange(len(whole) // 4096) * 4096 + rnd.choice(
                (rnd.randrange(64), rnd.randrange(4096), 4000))
            bad = bytearray(whole)
            for j in range(rnd.choice((1, 8, 96))):
                bad[(at + j) % len(bad)] ^= rnd.randrange(1, 256)
            with open(s.data, "wb") as f:
                f.write(bad)
            open(n.log_path, "w").close()
            if ends_well(n) == "refused":
                refusals += 1
                check_in("data.mdb", n.log())
                check(open(s.data, "rb").read() == bad,
                      f"the file was changed (at {at})")
            s.put_back()
        check(refusals >= 3, f"only {refusals} refused")


def test_a_cut_file_is_refused():
    with Stopped() as (n, s):
        whole = s.whole[s.data]
        for size in (1, 100, 4096, 8192, len(whole) // 2, len(whole) - 4096):
            with open(s.data, "wb") as f:
                f.write(whole[:size])
            refused(n, "data.mdb")
            check(os.path.getsize(s.data) == size, "it was changed")


def test_a_foreign_file_is_refused_and_left_alone():
    with Stopped() as (n, s):
        for content in (b"hello\n", bytes(65536), b"\x7fELF" * 4096,
                        b"SQLite format 3\0" + bytes(8192)):
            with open(s.data, "wb") as f:
                f.write(content)
            refused(n, "data.mdb")
            check(open(s.data, "rb").read() == content, "it was changed")
        os.unlink(s.data)
        os.mkdir(s.data)
        refused(n, "data.mdb")
        os.rmdir(s.data)


def test_a_key_that_is_not_right_is_refused():
    with Stopped() as (n, s):
        before = digest(s.data)
        for content in (b"", b"short", bytes(32), bytes(33),
                        s.whole[s.key][:31]):
            with open(s.key, "wb") as f:
                f.write(content)
            refused(n, s.state)
        os.unlink(s.key)
        refused(n, "key is missing", "backup")
        check(digest(s.data) == before, "data.mdb was changed")
        check(not os.path.exists(s.key), "a key was made")


def test_a_newer_format_is_refused_by_its_number():
    with Stopped() as (n, s):
        whole = s.whole[s.data]
        check(b"swarm-store 2" in whole, "the format is there")
        with open(s.data, "wb") as f:
            f.write(whole.replace(b"swarm-store 2", b"swarm-store 9"))
        before = digest(s.data)
        refused(n, "format 9", "another version")
        check(digest(s.data) == before, "it was changed")


def test_paths_that_cannot_be():
    """ROOT or RUN a file, below a file, RUN read-only, a socket too long."""
    with Node() as n:
        n.stop()
        plain = os.path.join(n.dir, "plain")
        open(plain, "w").close()
        refused(n, plain, args=["--root", plain, "--run", n.run])
        refused(n, plain, args=["--root", plain + "/x", "--run", n.run])
        refused(n, plain, args=["--root", n.root, "--run", plain])
        long = os.path.join(n.dir, "x" * 120)
        refused(n, "x" * 120, args=["--root", n.root, "--run", long])
        readonly = os.path.join(n.dir, "ro")
        os.mkdir(readonly)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", readonly],
                       check=True)
        refused(n, readonly, args=["--root", n.root, "--run", readonly])
        refused(n, readonly,
                args=["--root", n.root, "--run", readonly + "/run"])
        subprocess.run(["umount", readonly], check=True)
        refused(n, "nosuch", args=["--root", n.root, "--run", n.run,
                                   "--runtime", "/nosuch/runc"])


def test_sockets_stale_foreign_and_taken():
    with Node() as n:
        n.kill()
        check(stat.S_ISSOCK(os.stat(n.sock).st_mode), "kill -9 leaves it")
        n.start()
        other = ["--root", n.root + "2", "--run", n.run + "2", "-H",
                 "unix://" + n.sock]
        text = refused(n, n.sock, args=other)
        check("another" in text or "listens" in text, text)
        check(n.ask("GET", "/_ping").status == 200, "the first still answers")
        n.stop()
        with open(n.sock, "w") as f:
            f.write("mine")
        refused(n, n.sock)
        check(open(n.sock).read() == "mine", "a file that is not ours is kept")
        os.unlink(n.sock)
        # Someone else's socket that is listened on is not taken away.
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(n.sock)
            s.listen()
            refused(n, n.sock)
        os.unlink(n.sock)
        n.start()


def answers(n):
    """As n.answers(), of a daemon that the test started by itself."""
    try:
        return n.ask("GET", "/_ping").status == 200
    except OSError:
        return False


def test_two_starts_at_once_one_wins():
    with Node() as n:
        n.stop()
        argv = [SWARM, "daemon", "--root", n.root, "--run", n.run]
        racing = [subprocess.Popen(argv, stderr=subprocess.PIPE)
                  for _ in range(4)]
        try:
            wait_for("three have ended", lambda: sum(
                p.poll() is not None for p in racing) == 3)
            losers = [p for p in racing if p.poll() is not None]
            winner = [p for p in racing if p.poll() is None][0]
            for p in losers:
                check(p.returncode == 1, p.returncode)
                check_in(f"pid {winner.pid}", p.stderr.read().decode())
            wait_for("the winner answers", lambda: answers(n))
        finally:
            for p in racing:
                if p.poll() is None:
                    p.send_signal(signal.SIGTERM)
                p.wait(30)
                p.stderr.close()
        n.start()
