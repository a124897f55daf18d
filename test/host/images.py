"""images.py - real images for the tests: Debian's packages as they are
installed here, in a root file system of their own, made an image by umoci."""
import os
import shutil
import subprocess

BUSYBOX = "/bin/busybox"


def sh(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True).stdout.decode()


def copy(path, rootfs):
    """One file, link or directory to the same place below rootfs."""
    to = rootfs + path
    if os.path.islink(path):
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if not os.path.lexists(to):
            os.symlink(os.readlink(path), to)
        target = os.path.join(os.path.dirname(path), os.readlink(path))
        if os.path.isfile(target):
            copy(os.path.realpath(path), rootfs)
    elif os.path.isdir(path):
        os.makedirs(to, exist_ok=True)
    elif os.path.isfile(path) and not os.path.exists(to):
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy2(path, to)


def libraries(program, rootfs):
    for word in output("ldd", program).split():
        if word.startswith("/"):
            real = os.path.realpath(word)
            copy(real, rootfs)
            to = rootfs + word
            if real != word and not os.path.lexists(to):
                os.makedirs(os.path.dirname(to), exist_ok=True)
                os.symlink(real, to)


def base(rootfs):
    """What any program wants: a shell, users, some directories."""
    for d in ("bin", "etc", "tmp", "var/log", "var/lib", "run", "root", "lib"):
        os.makedirs(os.path.join(rootfs, d), exist_ok=True)
    os.chmod(os.path.join(rootfs, "tmp"), 0o1777)
    shutil.copy2(BUSYBOX, os.path.join(rootfs, "bin/busybox"))
    for name in ("sh", "wget", "cat", "sleep", "ls", "id", "env", "nc", "kill",
                 "mount", "hostname", "touch", "stat", "grep"):
        link = os.path.join(rootfs, "bin", name)
        if not os.path.lexists(link):
            os.symlink("busybox", link)
    for name in ("passwd", "group"):
        shutil.copy2("/etc/" + name, os.path.join(rootfs, "etc", name))


def layout(where, name, fill, config):
    """An OCI layout at where/NAME whose root file system fill(rootfs) made;
    config: flags of "umoci config"."""
    image = os.path.join(where, name)
    bundle = os.path.join(where, name + "-bundle")
    sh("umoci", "init", "--layout", image)
    sh("umoci", "new", "--image", image + ":latest")
    sh("umoci", "unpack", "--image", image + ":latest", bundle)
    base(os.path.join(bundle, "rootfs"))
    fill(os.path.join(bundle, "rootfs"))
    sh("umoci", "repack", "--image", image + ":latest", bundle)
    sh("umoci", "config", "--image", image + ":latest", *config)
    shutil.rmtree(bundle)
    return image


def fill_package(packages, programs):
    def fill(rootfs):
        for package in packages:
            for path in output("dpkg", "-L", package).split("\n"):
                if path and not path.startswith(("/usr/share/doc", "/lib/systemd",
                                                 "/usr/share/man", "/.")):
                    copy(path, rootfs)
        for program in programs:
            copy(program, rootfs)
            libraries(program, rootfs)
    return fill


def busybox(where):
    return layout(where, "busybox", lambda rootfs: None,
                  ["--config.cmd", "sh"])


def nginx(where):
    def fill(rootfs):
        fill_package(["nginx-common"], ["/usr/sbin/nginx"])(rootfs)
        # Debian's configuration, but in the foreground and to our pipes.
        for d in ("var/log/nginx", "var/lib/nginx"):
            os.makedirs(os.path.join(rootfs, d), exist_ok=True)
        for name, to in (("access.log", "/dev/stdout"),
                         ("error.log", "/dev/stderr")):
            os.symlink(to, os.path.join(rootfs, "var/log/nginx", name))
        shutil.rmtree(os.path.join(rootfs, "etc/nginx/modules-enabled"),
                      ignore_errors=True)
        os.makedirs(os.path.join(rootfs, "etc/nginx/modules-enabled"))
        sites = os.path.join(rootfs, "etc/nginx/sites-enabled")
        os.makedirs(sites, exist_ok=True)
        shutil.copy2("/etc/nginx/sites-available/default",
                     os.path.join(sites, "default"))
    return layout(where, "nginx", fill, [
        "--config.entrypoint", "nginx", "--config.cmd", "-g",
        "--config.cmd", "daemon off;", "--config.env",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "--config.exposedports", "80/tcp", "--config.stopsignal", "SIGQUIT"])


def redis(where):
    def fill(rootfs):
        fill_package([], ["/usr/bin/redis-server", "/usr/bin/redis-cli"])(rootfs)
        os.makedirs(os.path.join(rootfs, "data"))
    return layout(where, "redis", fill, [
        "--config.entrypoint", "redis-server", "--config.env",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "--config.workingdir", "/data",
        "--config.volume", "/data", "--config.exposedports", "6379/tcp"])
