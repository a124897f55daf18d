"""Images that the project did not make up: Debian's nginx, redis, busybox."""
import os
import signal
import subprocess
import tempfile

import images
from node import Failed, Node, check, check_in, curl, wait_for


class Real:
    """A node with a scratch directory for archives."""

    def __enter__(self):
        self.n = Node()
        self.n.__enter__()
        self.where = os.path.join(self.n.dir, "archives")
        os.mkdir(self.where)
        return self.n.init(), self.where

    def __exit__(self, *why):
        return self.n.__exit__(*why)


def test_a_layout_loads_from_a_directory_a_file_and_stdin():
    """OCI layout as it is, as tar, gzip and zstd."""
    with Real() as (n, where):
        box = images.busybox(where)
        n.swarm("image", "load", "-i", box)
        check_in("busybox", n.swarm("image", "ls"))
        tar = box + ".tar"
        images.sh("tar", "-C", box, "-cf", tar, ".")
        images.sh("gzip", "-k", tar)
        images.sh("zstd", "-q", "-k", tar)
        for path in (tar, tar + ".gz", tar + ".zst"):
            n.swarm("image", "rm", n.swarm("image", "ls", "-q").split()[0],
                    ok=None)
            n.swarm("image", "load", "-i", path)
            with open(path, "rb") as f:
                n.swarm("image", "load", stdin=f.read())


def test_nginx_serves_logs_is_checked_updated_killed_and_gone():
    with Real() as (n, where):
        n.swarm("image", "load", "-i", images.nginx(where))
        www = os.path.join(where, "www")
        os.mkdir(www)
        os.chmod(n.dir, 0o755)
        with open(os.path.join(www, "index.html"), "w") as f:
            f.write("first")
        image = n.swarm("image", "ls", "--format",
                        "{{.Repository}}:{{.Tag}}").split()
        name = [i for i in image if "whoami" not in i][0]
        n.create("--name", "site", "--replicas", "1", "--mount",
                 f"type=bind,source={www},target=/var/www/html,readonly",
                 "--publish", "published=18080,target=80,mode=host",
                 "--health-cmd", "wget -q -O- http://127.0.0.1/",
                 "--health-interval", "500ms", "--restart-delay", "0s", name)
        check(curl("http://127.0.0.1:18080/") == "first", "the first page")
        wait_for("the access log shows it",
                 lambda: "GET / HTTP/1.1" in n.logs("site"))
        check_in("healthy", n.swarm("ps"))
        with open(os.path.join(www, "index.html"), "w") as f:
            f.write("second")
        old = n.live("site")[0]
        n.swarm("service", "update", "--detach", "--env-add", "A=1", "site")
        wait_for("a new task serves", lambda: [
            t for t in n.live("site") if t["ID"] != old["ID"]])
        check(curl("http://127.0.0.1:18080/") == "second", "the second page")
        now = n.live("site")[0]
        os.kill(now["Status"]["ContainerStatus"]["PID"], signal.SIGKILL)
        wait_for("it is replaced", lambda: [
            t for t in n.live("site") if t["ID"] != now["ID"]])
        n.swarm("service", "rm", "site")
        wait_for("all is gone", lambda: not n.tasks())
        n.swarm("image", "rm", name)


def test_redis_keeps_its_data_in_a_volume():
    with Real() as (n, where):
        n.swarm("image", "load", "-i", images.redis(where))
        n.create("--name", "db", "--mount", "source=data,target=/data",
                 "--restart-delay", "0s", "--health-cmd", "redis-cli ping",
                 "--health-interval", "500ms", "redis", "--appendonly", "yes",
                 "--protected-mode", "no")
        def cli(*words):
            return images.output("redis-cli", "-h",
                                 n.address(n.live("db")[0]), *words).strip()
        check(cli("set", "k", "v") == "OK", "set")
        old = n.live("db")[0]["ID"]
        n.swarm("service", "update", "--detach", "--force", "db")
        wait_for("a new task runs", lambda: [
            t for t in n.live("db") if t["ID"] != old])
        check(cli("get", "k") == "v", "the value is still there")


def test_a_shell_sees_what_docker_would_show():
    """User, environment, limits, read-only root, tmpfs, hosts."""
    with Real() as (n, where):
        n.swarm("image", "load", "-i", images.busybox(where))
        n.create("--name", "s", "--user", "www-data", "--read-only",
                 "--mount", "type=tmpfs,target=/scratch,tmpfs-size=1m",
                 "--host", "db:10.9.8.7", "--limit-memory", "32m",
                 "--ulimit", "nofile=100:200", "--cap-drop", "ALL",
                 "--hostname", "box-{{.Task.Slot}}", "-w", "/tmp",
                 "--stop-grace-period", "1s",
                 "busybox", "sh", "-c",
                 "id; ulimit -n; hostname; pwd; cat /etc/hosts; "
                 "touch /x || echo read-only; touch /scratch/x && echo tmpfs; "
                 "grep CapEff /proc/self/status; sleep 1000")
        text = wait_for("it has said all", lambda: (
            lambda t: t if "CapEff" in t else None)(n.logs("s")))
        for part in ("uid=33", "\n100\n", "box-1", "/tmp", "10.9.8.7",
                     "read-only", "tmpfs\n", "0000000000000000"):
            check_in(part, text)


def test_a_bad_archive_changes_nothing():
    with Real() as (n, where):
        box = images.busybox(where)
        n.swarm("image", "load", "-i", box)
        before = n.swarm("image", "ls")
        tar = box + ".tar"
        images.sh("tar", "-C", box, "-cf", tar, ".")
        with open(tar, "rb") as f:
            whole = f.read()
        for what in (whole[:len(whole) // 2], b"no archive", b"",
                     whole[:4096] + os.urandom(4096)):
            out = n.swarm("image", "load", ok=False, stdin=what)
            check(len(out.strip()) > 10, f"no sentence: {out!r}")
        check(n.swarm("image", "ls") == before, "the list changed")
