"""registry.py - one image as an archive and as a registry that serves it."""
import gzip
import hashlib
import http.server
import io
import json
import shutil
import tarfile
import threading

HOST = "127.0.0.1:5000"
NAME = "diff"
PROGRAM = """#!/bin/sh
echo "to the other one" >&2
sleep 0.1
echo "to the terminal: $1 $V"
trap 'exit 0' TERM
while :; do sleep 1; done
"""


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def add(tar, path, data=None, link=None, mode=0o755):
    info = tarfile.TarInfo(path)
    info.mode = mode
    if link:
        info.type, info.linkname = tarfile.SYMTYPE, link
    elif data is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = len(data)
    tar.addfile(info, io.BytesIO(data) if data is not None else None)


def layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            add(tar, path)
        with open(shutil.which("busybox"), "rb") as f:
            add(tar, "bin/busybox", f.read())
        for name in ("sh", "sleep", "cat", "echo", "true", "false", "env"):
            add(tar, "bin/" + name, link="busybox")
        add(tar, "bin/program", PROGRAM.encode())
        add(tar, "etc/passwd", b"root:x:0:0::/:/bin/sh\n", mode=0o644)
    return out.getvalue()


class Image:
    def __init__(self, tag="1"):
        self.layer = layer()
        self.ref = f"{HOST}/{NAME}:{tag}"
        self.tag = tag
        self.config = json.dumps({
            "architecture": "amd64", "os": "linux",
            "created": "2024-05-06T07:08:09.123456789Z",
            "author": "somebody",
            "config": {
                "Env": ["PATH=/bin", "FROM_IMAGE=" + tag],
                "Entrypoint": ["/bin/program"], "Cmd": ["by default"],
                "WorkingDir": "/tmp", "Labels": {"made.by": "test"},
                "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGKILL",
            },
            "rootfs": {"type": "layers", "diff_ids": [digest(self.layer)]},
            "history": [{"created": "2024-05-06T07:08:09.123456789Z",
                         "created_by": "test"}],
        }).encode()
        self.blob = gzip.compress(self.layer, mtime=0)
        kind = "application/vnd.docker."
        self.manifest = json.dumps({
            "schemaVersion": 2,
            "mediaType": kind + "distribution.manifest.v2+json",
            "config": {"mediaType": kind + "container.image.v1+json",
                       "size": len(self.config),
                       "digest": digest(self.config)},
            "layers": [{"mediaType": kind + "image.rootfs.diff.tar.gzip",
                        "size": len(self.blob),
                        "digest": digest(self.blob)}],
        }).encode()

    def save(self, path):
        """As docker save does."""
        name = digest(self.config)[7:] + ".json"
        manifest = [{"Config": name, "RepoTags": [self.ref],
                     "Layers": ["l/layer.tar"]}]
        with tarfile.open(path, "w") as tar:
            add(tar, "l")
            add(tar, "l/layer.tar", self.layer)
            add(tar, name, self.config)
            add(tar, "manifest.json", json.dumps(manifest).encode())


class Registry:
    """Serves images; use as a context manager."""

    def __init__(self, images):
        self.answers = {"/v2/": (b"{}", "application/json")}
        for i in images:
            base = f"/v2/{NAME}/"
            kind = json.loads(i.manifest)["mediaType"]
            for name in (i.tag, digest(i.manifest)):
                self.answers[base + "manifests/" + name] = (i.manifest, kind)
            for blob in (i.config, i.blob):
                self.answers[base + "blobs/" + digest(blob)] = (
                    blob, "application/octet-stream")

    def __enter__(self):
        answers = self.answers

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, with_body):
                body, kind = answers.get(self.path, (b"{}", None))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Docker-Content-Digest", digest(body))
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

            def do_GET(self):
                self.answer(True)

            def do_HEAD(self):
                self.answer(False)

            def log_message(self, *args):
                pass

        address, port = HOST.split(":")
        self.server = http.server.ThreadingHTTPServer((address, int(port)),
                                                      Handler)
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.server.shutdown()
        self.server.server_close()
