"""Image archives of every form, and hostile ones."""
import json
import os
import socket
import struct
import subprocess
import tarfile

import archives
from archives import Layout, folder, link, member, named, tar
from node import SANITIZED, Node, check, check_in, processes, wait_for


def listed(n):
    return sorted(n.swarm("image", "ls", "--format",
                          "{{.Repository}}:{{.Tag}}").split())


def ls(n):
    """The list but for ages, which move."""
    return n.swarm("image", "ls", "--no-trunc", "--format",
                   "{{.Repository}}:{{.Tag}} {{.ID}}")


def said_by(n, image, script, name="probe"):
    """What a container of image says when it runs script."""
    n.create("--name", name, "--restart-condition", "none", image, "sh", "-c",
             script + "; echo END", wait=False)
    text = wait_for(f"{name} has said all", lambda: (
        lambda t: t if "END\n" in t else None)(n.logs(name)))
    n.swarm("service", "rm", name)
    return text


def layers_of(n):
    where = os.path.join(n.root, "images", "layers")
    return sorted(os.listdir(where))


def test_docker_save_as_it_was():
    """NAME/layer.tar, links for repeated layers, several tags and images."""
    with Node() as n:
        n.init()
        base = archives.shell()
        top = tar([member("etc/who", b"top\n")])
        data = archives.old_save([(["old:1", "old:2"], [base]),
                                  (["deep/er:x"], [base, top])], symlinks=True)
        out = n.swarm("image", "load", stdin=data)
        check_in("Loaded image: old:1", out)
        for name in ("old:1", "old:2", "deep/er:x"):
            check(name in listed(n), (name, listed(n)))
        two = [d for d in layers_of(n)]
        check(len(two) == 2, f"each layer once: {two}")
        check_in("top", said_by(n, "deep/er:x", "cat /etc/who"))
        out = n.docker("load", stdin=data)
        check_in("Loaded image: old:1", out)
        check(layers_of(n) == two, "nothing unpacked again")


def test_docker_save_as_it_is():
    """index.json and manifest.json beside each other; no tag at all."""
    with Node() as n:
        n.init()
        base = archives.shell()
        out = n.docker("load", stdin=archives.new_save(["new:1", "new:b"],
                                                       [base]))
        check_in("Loaded image: new:1", out)
        check({"new:1", "new:b"} <= set(listed(n)), listed(n))
        check_in("hello", said_by(n, "new:b", "echo hello"))
        out = n.swarm("image", "load", stdin=archives.old_save([(None,
                                                                [base])]))
        check_in("Loaded image ID: sha256:", out)


def test_a_nested_index_with_several_platforms():
    with Node() as n:
        n.init()
        l = Layout()
        mine, other = archives.shell(), tar([member("bin/sh", b"not for me")])
        inner = l.index([l.image([other], ("s390x", "linux")),
                         l.image([mine], zipped=True),
                         l.image([other], ("amd64", "windows"))])
        data = l.tar([named(inner, "multi:1")])
        n.swarm("image", "load", stdin=data)
        check_in("multi:1", listed(n))
        check_in("mine", said_by(n, "multi:1", "echo mine"))
        n.docker("load", stdin=data)


def test_whiteouts_opaque_directories_and_rights():
    """As overlayfs shows them in a container; owners, setuid, times, links."""
    with Node() as n:
        n.init()
        low = tar([folder("d"), member("d/gone", b"1"), member("d/kept", b"2"),
                   folder("o"), member("o/hidden", b"3"),
                   folder("t"), member("t/x", b"4"),
                   member("gone-file", b"5")])
        high = tar([member("d/.wh.gone"), member("o/.wh..wh..opq"),
                    member("o/new", b"6"), member(".wh.gone-file"),
                    member(".wh.t"), folder("own", 0o2750, uid=33, gid=34),
                    member("own/suid", b"7", mode=0o4755, uid=33, gid=34,
                           mtime=1000000000),
                    link("own/hard", "own/suid", hard=True),
                    link("own/soft", "/d/kept"),
                    member("own/fifo", type=tarfile.FIFOTYPE, mode=0o600),
                    member("own/cap", b"8", mode=0o755, pax_headers={
                        "SCHILY.xattr.user.color": "blue"})])
        n.swarm("image", "load", stdin=archives.old_save(
            [(["rights:1"], [archives.shell(), low, high])]))
        text = said_by(n, "rights:1", "cd /; echo d: $(ls d); echo o: $(ls o);"
                       "ls -d gone-file t 2>&1; stat -c '%n %a %u %g %h' own "
                       "own/suid; stat -c '%Y %i' own/suid;"
                       "stat -c 'same %i' own/suid; stat -c 'same %i' own/hard;"
                       "cat own/soft; test -p own/fifo && echo fifo")
        for part in ("d: kept\n", "o: new\n", "gone-file: No such",
                     "t: No such", "own 2750 33 34", "own/suid 4755 33 34 2",
                     "1000000000 ", "2", "fifo"):
            check_in(part, text)
        same = [l for l in text.splitlines() if l.startswith("same ")]
        check(len(same) == 2 and same[0] == same[1], same)
        found = []
        for where, _, files in os.walk(os.path.join(n.root, "images",
                                                    "layers")):
            found += [os.path.join(where, f) for f in files if f == "cap"]
        names = os.listxattr(found[0]) if found else []
        check(not names or os.getxattr(found[0], "user.color") == b"blue",
              names)


# ---- hostile ------------------------------------------------------------


def evil_layers():
    """What no layer may hold, by name."""
    deep = "d/" * 3000 + "x"
    return {
        "absolute link, then through it": [
            link("out", "/tmp/swarm-outside"), member("out/x", b"x")],
        "dots": [member("../../../../../../tmp/swarm-outside/x", b"x")],
        "dots within": [member("a/../../../../../tmp/swarm-outside/x", b"x")],
        "link with dots, then through it": [
            link("up", "../../../../../../../../tmp/swarm-outside"),
            member("up/x", b"x")],
        "hard link out": [link("h", "../../../../../../etc/passwd", True)],
        "hard link to an absolute name": [link("h", "/etc/passwd", True)],
        "hard link through a link": [
            link("l", "/etc"), link("h", "l/passwd", True)],
        "whiteout out": [member("../../.wh.layers")],
        "whiteout of dots": [member(".wh...")],
        "device": [member("sda", type=tarfile.BLKTYPE, mode=0o666,
                          devmajor=8, devminor=0)],
        "very deep": [member(deep, b"x")],
    }


def archive_of(layer, name="evil:1"):
    return archives.old_save([([name], [layer])])


def broken_archives():
    good = archives.new_save(["evil:1"], [archives.shell()])
    l = Layout()
    m = l.image([archives.shell()])
    blob = [d for d, b in l.blobs.items() if b == archives.shell()][0]
    l.blobs[blob] = archives.shell()[:-512] + b"x" * 512
    big = json.dumps([{"Config": "c.json", "RepoTags": ["evil:1"],
                       "Layers": ["x/layer.tar"] * 200000}]).encode()
    return {
        "truncated": good[:len(good) // 3],
        "wrong digest": l.tar([named(m, "evil:1")]),
        "huge manifest": tar([member("manifest.json", big + b" " * (8 << 20))]),
        "many layers": tar([member("manifest.json", big)]),
        "deep JSON": tar([member("manifest.json", b"[" * 100000)]),
        "no JSON": tar([member("manifest.json", b"\xff\xfe{")]),
        "a layer that is not there": tar([member("manifest.json", json.dumps(
            [{"Config": "c.json", "RepoTags": ["evil:1"],
              "Layers": ["x/layer.tar"]}]).encode())]),
        "names that lead out": tar([member("manifest.json", json.dumps(
            [{"Config": "../../../../etc/passwd", "RepoTags": ["evil:1"],
              "Layers": ["/etc/passwd"]}]).encode())]),
        "links in a circle": tar([link("a", "b"), link("b", "a"), member(
            "manifest.json", json.dumps([{"Config": "a", "RepoTags": [],
                                          "Layers": ["b"]}]).encode())]),
        "an impossible name": archives.old_save([(["-Bad Name:!"],
                                                  [archives.shell()])]),
    }


def low_memory(n):
    """The daemon's peak: a sanitizer needs its own."""
    for line in open(f"/proc/{n.process.pid}/status"):
        if line.startswith("VmHWM"):
            check(SANITIZED or int(line.split()[1]) < 50 << 10, line)


def refused(n, what, data):
    out = n.swarm("image", "load", ok=False, stdin=data)
    last = out.strip().splitlines()[-1]
    check(len(last) > 20 and "\x00" not in last, f"{what}: {out!r}")
    wait_for(f"nothing is left of: {what}",
             lambda: not archives.leftovers(n.root), 5)


def test_hostile_archives_are_refused_and_change_nothing():
    outside = "/tmp/swarm-outside"
    os.makedirs(outside, exist_ok=True)
    try:
        with Node() as n:
            n.init()
            n.swarm("image", "load", stdin=archives.old_save(
                [(["good:1"], [archives.shell()])]))
            before, layers = ls(n), layers_of(n)
            passwd = os.stat("/etc/passwd")
            for what, members in evil_layers().items():
                data = archive_of(tar(members))
                out = n.swarm("image", "load", ok=None, stdin=data)
                check(not os.listdir(outside), f"{what}: it got out")
                check(os.stat("/etc/passwd").st_nlink == passwd.st_nlink,
                      f"{what}: linked")
                check("evil" not in ls(n), f"{what}: was taken: {out}")
                wait_for(f"nothing is left of: {what}",
                         lambda: not archives.leftovers(n.root), 5)
            for what, data in broken_archives().items():
                refused(n, what, data)
            check(ls(n) == before, "the list changed")
            check(layers_of(n) == layers, "layers were left")
            low_memory(n)
    finally:
        os.rmdir(outside)


def test_a_bomb_is_refused_before_the_disk_is_full():
    """A small ROOT: it ends by a sentence, and the space comes back."""
    with Node() as n:
        n.stop()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=711",
                        "none", n.root], check=True)
        n.start()
        n.init()
        l = Layout()
        packed = archives.bomb(256 << 20)
        oci = "application/vnd.oci.image."
        conf = l.blob(json.dumps({
            "architecture": "amd64", "os": "linux", "rootfs": {
                "type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}
        ).encode(), oci + "config.v1+json")
        m = l.blob(json.dumps({
            "schemaVersion": 2, "config": conf, "layers": [
                l.blob(packed, oci + "layer.v1.tar+gzip")]}).encode(),
            oci + "manifest.v1+json")
        refused(n, "bomb", l.tar([named(m, "evil:1")]))
        check("evil" not in ls(n), "it was taken")
        free = os.statvfs(n.root)
        check(free.f_bavail * free.f_frsize > 24 << 20, "space is lost")


def test_a_hundred_thousand_entries_are_fine():
    with Node() as n:
        n.init()
        many = tar([folder("m"), *(member(f"m/{i}") for i in range(100000))],
                   tarfile.USTAR_FORMAT)
        n.swarm("image", "load", stdin=archive_of(many, "many:1"))
        check_in("many:1", listed(n))
        low_memory(n)


class Upload:
    """A load that is sent by hand, chunk by chunk."""

    def __init__(self, n):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(n.sock)
        self.s.sendall(b"POST /v1.44/images/load?quiet=1 HTTP/1.1\r\n"
                       b"Host: x\r\nContent-Type: application/x-tar\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n")

    def put(self, data):
        self.s.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.s.sendall(b"0\r\n\r\n")
        got = b""
        while b"\r\n0\r\n\r\n" not in got:
            part = self.s.recv(65536)
            if not part:
                break
            got += part
        self.s.close()
        return got.decode(errors="replace")


def no_loader(n):
    return not [p for p in processes(n.root) if p != n.process.pid and
                "loader" in open(f"/proc/{p}/cmdline").read()]


def test_kill_9_in_the_midst_of_a_load():
    with Node() as n:
        n.init()
        data = archives.old_save([(["half:1"], [archives.shell()])])
        n.swarm("image", "load", stdin=archives.old_save(
            [(["good:1"], [tar([member("x", b"x")])])]))
        before, layers = ls(n), layers_of(n)
        for part in (0.2, 0.7, 0.95):
            up = Upload(n)
            up.put(data[:int(len(data) * part)])
            wait_for("something is there", lambda: archives.leftovers(n.root))
            n.kill()
            up.s.close()
            n.start()
            wait_for("the leftovers go", lambda: not archives.leftovers(
                n.root))
            check(ls(n) == before and layers_of(n) == layers,
                  "the list changed")
        n.swarm("image", "load", stdin=data)
        check_in("half:1", listed(n))


def test_two_loads_at_once_and_one_who_hangs_up():
    with Node() as n:
        n.init()
        base = archives.shell()
        a = archives.old_save([(["a:1"], [base, tar([member("a", b"1")])])])
        b = archives.new_save(["b:1"], [base, tar([member("b", b"1")])])
        ups = [Upload(n), Upload(n), Upload(n)]
        for at in range(0, max(len(a), len(b)), 65536):
            for up, data in zip(ups, (a, b, b)):
                if data[at:at + 65536]:
                    up.put(data[at:at + 65536])
            if at == 65536 * 4:
                # Reset, not closed: as of a client that was killed.
                ups[2].s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    struct.pack("ii", 1, 0))
                ups.pop(2).s.close()
        check_in("Loaded image: a:1", ups[0].end())
        check_in("Loaded image: b:1", ups[1].end())
        wait_for("nothing is left", lambda: not archives.leftovers(n.root))
        wait_for("no loader is left", lambda: no_loader(n))
        check({"a:1", "b:1"} <= set(listed(n)), listed(n))
        check(len(layers_of(n)) == 3, layers_of(n))
        check_in("1", said_by(n, "a:1", "cat /a"))
