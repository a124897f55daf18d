"""Logs of containers: rotated, followed, filtered, long, fast, merged."""
import calendar
import os
import re
import signal
import subprocess
import tempfile
import time

import archives
from node import SANITIZED, SWARM, Failed, Node, check, check_in, wait_for


def box(n):
    """The image box:1, a shell."""
    n.swarm("image", "load", stdin=archives.old_save(
        [(["box:1"], [archives.shell()])]))
    return n


def script(n, name, text, *flags, image="box:1"):
    return n.create("--name", name, "--restart-condition", "none",
                    "--stop-grace-period", "1s", *flags, image, "sh", "-c",
                    text, wait=False)


def says(n, name, word):
    return wait_for(f"{name} says {word!r}", lambda: (
        lambda t: t if word in t else None)(n.logs(name)))


def ended(n, name):
    wait_for(f"{name} has ended", lambda: n.tasks(name) and all(
        t["Status"]["State"] in ("complete", "failed", "shutdown")
        for t in n.tasks(name)))


class Follow:
    """service logs --follow, its output in a file."""

    def __init__(self, n, *words):
        self.out = tempfile.TemporaryFile()
        self.p = subprocess.Popen(
            [SWARM, "-H", "unix://" + n.sock, "service", "logs", "--follow",
             *words], stdout=self.out, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGINT)
        self.p.wait(30)
        self.out.close()

    def text(self):
        at = os.fstat(self.out.fileno()).st_size
        return os.pread(self.out.fileno(), at, 0).decode(errors="replace")

    def says(self, word):
        return wait_for(f"the follow says {word!r}", lambda: (
            lambda t: t if word in t else None)(self.text()))


def memory(n):
    for line in open(f"/proc/{n.process.pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    return 0


def log_files(n, task):
    where = os.path.join(n.root, "containers", task)
    return sorted(f for f in os.listdir(where) if "-json.log" in f)


def test_a_follow_goes_across_rotation():
    """Each line once and in order, though files come and go below it."""
    with Node() as n:
        box(n.init())
        script(n, "r", "while test ! -e /tmp/go; do sleep 0.05; done; "
               "for i in $(seq 2000); do echo line $i; "
               "test $((i % 100)) = 0 && sleep 0.02; done; echo END; "
               "sleep 1000", "--log-driver", "json-file", "--log-opt",
               "max-size=20k", "--log-opt", "max-file=3",
               "--mount", f"type=bind,source={n.dir},target=/tmp")
        n.wait_running("r")
        with Follow(n, "--raw", "r") as f:
            archives.write(os.path.join(n.dir, "go"), b"")
            text = f.says("END")
            lines = [l for l in text.splitlines() if l.startswith("line ")]
            check(lines == [f"line {i}" for i in range(1, 2001)],
                  f"{len(lines)} lines, from {lines[:1]} to {lines[-1:]}")
        files = log_files(n, n.live("r")[0]["ID"])
        check(len(files) == 3, files)
        where = os.path.join(n.root, "containers", n.live("r")[0]["ID"])
        check(all(os.path.getsize(os.path.join(where, f)) <= 21000
                  for f in files), "files are as small as asked")
        rest = n.logs("r").splitlines()
        check(rest[-1] == "END" and rest[:-1] == [
            f"line {i}" for i in range(2002 - len(rest), 2001)],
            f"the rest has no hole: {rest[:2]}")


def test_a_daemon_that_is_killed_loses_no_line():
    with Node() as n:
        box(n.init())
        script(n, "k", "i=0; while test $i -lt 300; do i=$((i+1)); "
               "echo line $i; sleep 0.005; done; echo END; sleep 1000")
        says(n, "k", "line 20\n")
        n.kill()
        time.sleep(0.3)
        n.start()
        with Follow(n, "--raw", "k") as f:
            lines = f.says("END").splitlines()
        check(lines == [f"line {i}" for i in range(1, 301)] + ["END"],
              f"{len(lines)} lines: {lines[:2]} ... {lines[-2:]}")


def test_tail_since_until_timestamps_and_details():
    with Node() as n:
        box(n.init())
        script(n, "f", "echo one; sleep 1.1; echo two; sleep 1.1; echo three; "
               "echo oops >&2; sleep 1000", "--label", "x=y")
        wait_for("it has said all", lambda: "oops" in n.swarm(
            "service", "logs", "--raw", "f", ok=None))
        stamped = n.swarm("service", "logs", "--raw", "--timestamps", "f")
        rows = dict(reversed(l.split(" ", 1)) for l in stamped.splitlines())
        check(all(re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", v)
            for v in rows.values()), rows)
        since = n.swarm("service", "logs", "--raw", "--since", rows["two"],
                        "f")
        check(since.startswith("two\nthree\n"), since)
        a = n.ask("GET", "/services/f/logs?stdout=1&until=" + str(
            seconds(rows["two"]) - 0.5))
        check(b"one" in a.body and b"two" not in a.body, a.body)
        a = n.ask("GET", "/services/f/logs?stdout=1&stderr=0")
        check(b"oops" not in a.body and b"three" in a.body, a.body)
        a = n.ask("GET", "/services/f/logs?stderr=1")
        check(b"oops" in a.body and b"three" not in a.body, a.body)
        details = n.ask("GET", "/services/f/logs?stdout=1&details=1").body
        check(b"com.docker.swarm.task.id=" + n.live("f")[0]["ID"].encode() in
              details, details)
        check(n.ask("GET", "/services/f/logs").status == 400,
              "a stream has to be chosen")
        tail = n.ask("GET", "/services/f/logs?stdout=1&tail=3").body
        check(b"two" in tail and b"one" not in tail, tail)
        check(n.ask("GET", "/services/f/logs?stdout=1&tail=0").body == b"",
              "none")


def seconds(stamp):
    whole = stamp[:19]
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + \
        float("0." + stamp[20:29])


def test_a_terminal_has_one_stream():
    with Node() as n:
        box(n.init())
        script(n, "t", "test -t 1 && echo tty; echo err >&2; sleep 1000",
               "--tty")
        text = says(n, "t", "err")
        check("tty\r\n" in text, repr(text))
        task = n.live("t")[0]["ID"]
        a = n.ask("GET", f"/tasks/{task}/logs?stdout=1&stderr=1")
        check(a.body.startswith(b"tty\r\n"), a.body)
        check(a.headers["Content-Type"] ==
              "application/vnd.docker.raw-stream", a.headers["Content-Type"])


def test_long_and_partial_lines():
    """Longer than 16 KiB, without an end, empty, and bytes of any kind."""
    with Node() as n:
        box(n.init())
        script(n, "p", "printf partial; sleep 0.3; printf ' whole\\n'; "
               "busybox head -c 50000 /dev/zero | busybox tr '\\0' x; echo; "
               "echo; printf 'a\\000b\\377c\\n'; printf 'no end'")
        ended(n, "p")
        raw = subprocess.run([SWARM, "-H", "unix://" + n.sock, "service",
                              "logs", "--raw", "p"], capture_output=True,
                             check=True).stdout
        check(raw.startswith(b"partial whole\n" + b"x" * 50000 + b"\n\na\0b"),
              raw[:40] + b"..." + raw[-40:])
        check(raw.rstrip(b"\n").endswith(b"no end"), raw[-40:])


def test_a_million_lines_are_all_there():
    """Written as fast as it goes; the daemon needs no memory for them."""
    with Node() as n:
        box(n.init())
        count = 100000 if SANITIZED else 1000000
        script(n, "m", f"seq {count}; echo END")
        ended(n, "m")
        before = memory(n)
        out = tempfile.TemporaryFile()
        subprocess.run([SWARM, "-H", "unix://" + n.sock, "service", "logs",
                        "--raw", "m"], stdout=out, check=True, timeout=60)
        out.seek(0)
        at = 0
        for at, line in enumerate(out, 1):
            if at <= count and int(line) != at:
                raise AssertionError(f"line {at} is {line}")
        check(at == count + 1, f"{at} lines")
        check(SANITIZED or memory(n) - before < 16 << 10,
              f"the daemon took {memory(n) - before} KiB")


def test_two_tasks_are_merged_by_time():
    with Node() as n:
        box(n.init())
        n.create("--name", "two", "--replicas", "2", "--stop-grace-period",
                 "1s", "box:1", "sh", "-c",
                 "for i in $(seq 20); do echo $i; sleep 0.03; done; echo END; "
                 "sleep 1000")
        wait_for("both are done", lambda: n.logs("two").count("END") == 2)
        lines = n.swarm("service", "logs", "--timestamps", "two").splitlines()
        stamps = [l.split()[0] for l in lines]
        check(stamps == sorted(stamps), "by time")
        check(len(lines) == 42, f"{len(lines)} lines")
        check({l.split("@")[0].split()[-1].rsplit(".", 1)[0] for l in lines} ==
              {"two.1", "two.2"}, lines[:2])


def test_what_is_followed_ends_or_goes_on():
    """A task's follow ends with it; a service's goes on to the next task."""
    with Node() as n:
        box(n.init())
        n.create("--name", "e", "--restart-delay", "0s", "--restart-condition",
                 "any", "--stop-grace-period", "1s", "--mount",
                 f"type=bind,source={n.dir},target=/tmp", "box:1", "sh", "-c",
                 "echo mine; while test ! -e /tmp/end; do sleep 0.05; done; "
                 "rm /tmp/end; echo bye")
        task = n.live("e")[0]["ID"]
        with Follow(n, "--raw", task) as one, Follow(n, "--raw", "e") as all_:
            one.says("mine")
            all_.says("mine")
            archives.write(os.path.join(n.dir, "end"), b"")
            wait_for("the task's follow ends", lambda: one.p.poll() is not None)
            check(one.text() == "mine\nbye\n", one.text())
            try:
                wait_for("the service's has the next task's line",
                         lambda: all_.text().count("mine") == 2)
            except Failed as e:
                raise Failed(f"{e}: {all_.text()!r}") from None
            check(all_.p.poll() is None, "and goes on")
        check_in("bye", n.swarm("service", "logs", "--raw", task))
        n.swarm("service", "rm", "e")
        wait_for("all is gone", lambda: not n.tasks())
        check_in("no such task or service",
                 n.swarm("service", "logs", "e", ok=False).lower())


def test_history_has_its_logs():
    with Node() as n:
        box(n.init())
        n.create("--name", "h", "--restart-delay", "0s",
                 "--restart-max-attempts", "2", "box:1", "sh", "-c",
                 "echo try {{.Task.ID}} $HOSTNAME; false", wait=False)
        wait_for("all have failed", lambda: len([
            t for t in n.tasks("h") if t["Status"]["State"] == "failed"]) == 3)
        check(n.logs("h").count("try") == 3, n.logs("h"))
        for t in n.tasks("h"):
            check_in("try", n.swarm("service", "logs", "--raw", t["ID"]))
