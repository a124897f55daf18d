"""archives.py - image archives made by hand, member by member, so that they
can have any form and any fault."""
import gzip
import hashlib
import io
import json
import os
import tarfile

BUSYBOX = open("/bin/busybox", "rb").read()
LINKS = ("sh", "cat", "sleep", "ls", "stat", "id", "echo", "touch", "rm",
         "seq", "test", "getfattr", "printf", "true", "false", "kill")


def sha(data):
    return hashlib.sha256(data).hexdigest()


def member(name, data=b"", **fields):
    m = tarfile.TarInfo(name)
    m.size = len(data)
    for key, value in fields.items():
        setattr(m, key, value)
    return m, data


def folder(name, mode=0o755, **fields):
    return member(name, type=tarfile.DIRTYPE, mode=mode, **fields)


def link(name, to, hard=False):
    return member(name, type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE,
                  linkname=to, mode=0o777)


def tar(members, kind=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as t:
        for m, data in members:
            t.addfile(m, io.BytesIO(data))
    return out.getvalue()


def shell():
    """A layer with busybox and the names it goes by."""
    return tar([folder("bin"), folder("tmp", 0o1777), folder("etc"),
                member("bin/busybox", BUSYBOX, mode=0o755),
                *(link("bin/" + n, "busybox") for n in LINKS)])


def config(layers, platform=("amd64", "linux"), **fields):
    """fields: of the image's configuration (Cmd, Env ...)."""
    return json.dumps({
        "architecture": platform[0], "os": platform[1],
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"], **fields},
        "rootfs": {"type": "layers",
                   "diff_ids": ["sha256:" + sha(l) for l in layers]},
        "history": []}).encode()


def old_save(images, symlinks=False):
    """docker save before 25: NAME/layer.tar, manifest.json, repositories.
    images: [(tags, layers)]; symlinks: repeated layers are links."""
    members, manifest, seen, repositories = [], [], {}, {}
    for i, (tags, layers) in enumerate(images):
        conf = config(layers)
        paths = []
        for j, layer in enumerate(layers):
            where = sha(layer + bytes([i, j]))
            path = where + "/layer.tar"
            members += [folder(where), member(where + "/VERSION", b"1.0"),
                        member(where + "/json", b"{}")]
            if symlinks and sha(layer) in seen:
                members.append(link(path, "../" + seen[sha(layer)]))
            else:
                members.append(member(path, layer))
            seen.setdefault(sha(layer), path)
            paths.append(path)
        members.append(member(sha(conf) + ".json", conf))
        manifest.append({"Config": sha(conf) + ".json", "RepoTags": tags,
                         "Layers": paths})
        for tag in tags or []:
            name, _, version = tag.rpartition(":")
            repositories.setdefault(name, {})[version] = paths[-1][:64]
    members.append(member("manifest.json", json.dumps(manifest).encode()))
    members.append(member("repositories", json.dumps(repositories).encode()))
    return tar(members)


class Layout:
    """An OCI layout in the making."""

    def __init__(self):
        self.blobs = {}

    def blob(self, data, kind, **fields):
        self.blobs[sha(data)] = data
        return {"mediaType": kind, "digest": "sha256:" + sha(data),
                "size": len(data), **fields}

    def image(self, layers, platform=("amd64", "linux"), zipped=False, **conf):
        oci = "application/vnd.oci.image."
        c = self.blob(config(layers, platform, **conf), oci + "config.v1+json")
        pack = (lambda d: gzip.compress(d, 1)) if zipped else bytes
        manifest = {
            "schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
            "config": c, "layers": [self.blob(
                pack(l), oci + "layer.v1.tar" + ("+gzip" if zipped else ""))
                for l in layers]}
        return self.blob(json.dumps(manifest).encode(),
                         oci + "manifest.v1+json", platform={
                             "architecture": platform[0], "os": platform[1]})

    def index(self, manifests, **fields):
        return self.blob(self.index_text(manifests),
                         "application/vnd.oci.image.index.v1+json", **fields)

    @staticmethod
    def index_text(manifests):
        return json.dumps({
            "schemaVersion": 2, "manifests": manifests,
            "mediaType": "application/vnd.oci.image.index.v1+json"}).encode()

    def members(self, manifests):
        return [member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
                member("index.json", self.index_text(manifests)),
                folder("blobs"), folder("blobs/sha256"),
                *(member("blobs/sha256/" + d, b)
                  for d, b in self.blobs.items())]

    def tar(self, manifests):
        return tar(self.members(manifests))


def named(descriptor, name):
    return {**descriptor, "annotations": {
        "io.containerd.image.name": "docker.io/library/" + name,
        "org.opencontainers.image.ref.name": name.rpartition(":")[2]}}


def new_save(tags, layers):
    """docker save since 25: a layout with manifest.json beside it."""
    l = Layout()
    m = l.image(layers)
    conf = config(layers)
    manifest = [{"Config": "blobs/sha256/" + sha(conf), "RepoTags": tags,
                 "Layers": ["blobs/sha256/" + sha(x) for x in layers]}]
    return tar([*l.members([named(m, t) for t in tags]),
                member("manifest.json", json.dumps(manifest).encode())])


def bomb(size):
    """size bytes of zeros in a gzip'd layer of one file."""
    out = io.BytesIO()
    head = member("zeros")[0]
    head.size = size
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9) as z:
        z.write(head.tobuf(tarfile.PAX_FORMAT))
        for _ in range(size >> 20):
            z.write(bytes(1 << 20))
        z.write(bytes(1024))
    return out.getvalue()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)
    return path


def leftovers(root):
    where = os.path.join(root, "images", "tmp")
    return os.listdir(where) if os.path.isdir(where) else []
