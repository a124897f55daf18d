"""What a newcomer does, and what is said when it goes wrong."""
import hashlib
import io
import json
import os
import subprocess
import tarfile

import images
from node import SWARM, Failed, Node, check, check_in, wait_for


def test_a_daemon_without_stdin_stdout_and_stderr_opens_no_file_as_them():
    """Else its log lines would be written into its database."""
    with Node() as n:
        n.stop()
        n.process = subprocess.Popen(
            ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', SWARM, "daemon",
             "--root", n.root, "--run", n.run])
        wait_for("the daemon answers", n.answers)
        for fd in range(3):
            to = os.readlink(f"/proc/{n.process.pid}/fd/{fd}")
            check(to == "/dev/null", f"{fd} is {to}")


def test_an_image_with_a_tag_only_is_called_after_its_file():
    """Layout in a directory, tar, tar.gz; docker save's files unpacked."""
    with Node() as n:
        n.init()
        where = os.path.join(n.dir, "archives")
        os.mkdir(where)
        box = images.busybox(where)
        for name in ("one.tar", "two.tar.gz"):
            images.sh("tar", "-C", box, "-caf", os.path.join(where, name), ".")
        for path, name in ((box, "busybox"), (where + "/one.tar", "one"),
                           (where + "/two.tar.gz", "two")):
            check_in(f"Loaded image: {name}:latest",
                     n.swarm("image", "load", "-i", path))
        saved = os.path.join(where, "saved")
        os.mkdir(saved)
        images.sh("tar", "-C", saved, "-xf", docker_saved(where, box))
        check_in("Loaded image: from/docker:7",
                 n.swarm("image", "load", "-i", saved))


def docker_saved(where, layout):
    """An archive as docker save before 25 wrote it, of a layout's image."""
    def blob(digest):
        with open(os.path.join(layout, "blobs", digest.replace(":", "/")),
                  "rb") as f:
            return f.read()
    with open(os.path.join(layout, "index.json")) as f:
        manifest = json.loads(blob(json.load(f)["manifests"][0]["digest"]))
    config = blob(manifest["config"]["digest"])
    files = {hashlib.sha256(config).hexdigest() + ".json": config}
    layers = []
    for i, layer in enumerate(manifest["layers"]):
        layers.append(f"layer{i}/layer.tar")
        files[layers[-1]] = blob(layer["digest"])
    files["manifest.json"] = json.dumps([{
        "Config": next(iter(files)), "RepoTags": ["from/docker:7"],
        "Layers": layers}]).encode()
    path = os.path.join(where, "saved.tar")
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_a_read_only_bind_is_so_with_what_is_mounted_below():
    with Node() as n:
        n.init()
        where = os.path.join(n.dir, "data")
        os.makedirs(os.path.join(where, "sub"))
        images.sh("mount", "-t", "tmpfs", "none", os.path.join(where, "sub"))
        n.swarm("image", "load", "-i", images.busybox(n.dir))
        bind = f"type=bind,source={where},readonly,target="
        n.create("--name", "b", "--stop-grace-period", "1s",
                 "--mount", bind + "/a", "--mount",
                 bind + "/w,bind-recursive=writable", "busybox", "sh", "-c",
                 "touch /a/sub/x || echo whole; touch /w/x || echo top; "
                 "touch /w/sub/x && echo below; sleep 1000")
        text = wait_for("it has said all", lambda: (
            lambda t: t if "below" in t else None)(n.logs("b")))
        check_in("whole\n", text)
        check_in("top\n", text)


def test_a_wait_that_cannot_end_says_why():
    """service create, not on a terminal."""
    with Node() as n:
        n.init()
        p = subprocess.Popen(
            [SWARM, "-H", "unix://" + n.sock, "service", "create", "--name",
             "w", "--constraint", "node.role==worker", "swarm/whoami"],
            stdout=subprocess.PIPE)
        try:
            for text in p.stdout:
                if b"no suitable node" in text:
                    return
            raise Failed("it ended without a reason")
        finally:
            p.kill()
            p.wait()
