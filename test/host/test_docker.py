"""What the docker client prints against us and against a real dockerd.

ROWS is a script that is run against both; each command's output (and exit
code) is compared, see compare.py. A difference that is meant stands beside
its command as (pattern of the whole difference, reason).
"""
import os
import re
import shlex
import subprocess
import tempfile
import time

import compare
import dockerd
from node import SANITIZED, Failed, Node, Skipped, Unix, wait_for
from registry import Image, Registry

API = "1.41"  # the real one's: what both know
OLD, NEW = Image("1"), Image("2")


def ask(d, path):
    http = Unix(d.sock)
    http.request("GET", path)
    body = http.getresponse().read()
    http.close()
    return compare.tree(body.decode())[0]


def what(spec):
    return spec["ContainerSpec"], spec.get("ForceUpdate", 0)


def settled(d):
    """Each service has as many tasks running as it wants, and no others."""
    tasks = ask(d, "/tasks")
    for s in ask(d, "/services"):
        if s.get("UpdateStatus", {}).get("State") in ("updating",
                                                      "rollback_started"):
            return False
        mode = s["Spec"]["Mode"]
        want = mode.get("Replicated", {}).get("Replicas", 1)
        mine = [t for t in tasks if t["ServiceID"] == s["ID"]]
        live = [t for t in mine if t["Status"]["State"] == "running"]
        if any(what(t["Spec"]) != what(s["Spec"]["TaskTemplate"])
               for t in live):
            return False
        if any(t["DesiredState"] == "remove" for t in mine):
            return False
        if len([t for t in live if t["DesiredState"] == "running"]) != want \
                or len(live) != want:
            return False
    return True


def settle(d):
    try:
        wait_for("the services settle", lambda: settled(d), 60)
    except Failed as e:
        rows = [(t["DesiredState"], t["Status"]) for t in ask(d, "/tasks")]
        raise Failed(f"{e}: {rows}") from None


def container(d):
    """The id of web.1's container."""
    for c in ask(d, "/containers/json?all=1"):
        if c["Names"][0].startswith("/web.1."):
            return c["Id"]
    raise Failed("web.1 has no container")


class Row:
    def __init__(self, command, *but, unordered=False, last=False):
        self.command, self.but = command, but
        self.unordered = unordered  # neither says which line is first
        self.last = last  # only the last line: progress is a matter of luck


# Reasons that stand beside many commands.
ENGINE = (r"[-+] ID \* .*Leader \| [0-9.]+(\+dfsg1)?", "another engine")
VERSION = (r"[-+]  \| (Version|API version|Go version|Git commit|GitCommit|"
           r"Built):.*", "another engine")
IPV4 = "host ports are published on IPv4 only"
WHOAMI = (r"\+ .*swarm/whoami.*", "a built-in image")
PLAIN = "the mesh and its virtual addresses come later"
CA = "each cluster has its own root"
DIGEST = "a loaded image has a digest, so that services can pin it offline"
INFO = [
    (r"[-+]  Server Version:.*", "another engine"),
    (r"-  \| (Backing Filesystem|Supports d_type|Native Overlay Diff|"
     r"userxattr):.*", "overlayfs is used directly, without a storage driver"),
    (r"[-+]  \| (Network|Log):.*", "fewer networks and log drivers"),
    (r"-  Cgroup Version: \d", "is not told"),
    (r"[-+]  Runtimes:.*", "another engine"),
    (r"[-+]  (Init Binary|containerd version|runc version):.*",
     "there is no containerd; runc's version is not asked for"),
    (r"[-+]  \| Profile: (default|builtin)", "called builtin since 23.0"),
    (r"[-+]  Docker Root Dir:.*", "another engine"),
    (r"-  (Insecure Registries:|\| 127.0.0.0/8)", "no registry is asked"),
    (r"[-+]  Live Restore Enabled:.*", "containers always outlive the daemon"),
    (r"[-+]  ID:.*", "the node's id stands for the engine's"),
]
# What differs only because the real one's version of the API is older.
FREE = r"[-+]  API version:.*"

ROWS = [
    Row("version", VERSION,
        (r"[-+] Server:.*", "another engine"),
        (r"-  (containerd|runc|docker-init):", "swarm is one binary")),
    Row("info", *INFO),
    Row("node ls"),
    Row("service ls"),
    Row("swarm leave"),
    Row("swarm init --advertise-addr 127.0.0.1", 
        (r"[-+]  \| docker swarm join --token .*",
         "join tokens come later")),
    Row("swarm init --advertise-addr 127.0.0.1"),
    Row("swarm leave"),
    Row("info", *INFO,
        (r"\+  \| (Default Address Pool|SubnetSize):.*",
         "shown even when it is the default")),
    Row("node ls", ENGINE),
    Row("node ls --format '{{json .}}'", 
        (r"\[0\].EngineVersion: .*", "another engine")),
    Row("node ls --filter role=worker"),
    Row("node ls -q"),
    Row("node inspect self", 
        (r".*\.EngineVersion: .*", "another engine"),
        (r".*\.Engine\.Plugins: .*", "fewer networks and log drivers"),
        (r".*\.TLSInfo\.(CertIssuerPublicKey|TrustRoot): .*", CA)),
    Row("node inspect --pretty self", 
        (r"[-+] Engine Version:.*", "another engine"),
        (r"[-+]  (Log|Network):.*", "fewer networks and log drivers"),
        (r"[-+] ( Issuer Public Key:.*|[A-Za-z0-9+/=]{4,64})", CA)),
    Row("node inspect nosuch"),
    Row("node ps"),
    Row("node promote self"),
    Row("node demote self"),
    Row("node rm self"),
    Row("swarm join --token SWMTKN-1-a-b 127.0.0.1:2377"),
    Row("swarm join-token nobody"),
    Row("swarm unlock"),
    Row("swarm unlock-key"),
    Row("swarm update --cert-expiry 1m"),
    Row("swarm update --task-history-limit 4"),
    Row("node update --label-add a=b {host}"),
    Row("node inspect self --format '{{json .Spec}}'"),
    Row("load -i {old}"),
    Row("load -i {new}"),
    Row("load -q -i {new}"),
    Row("image ls", WHOAMI, unordered=True),
    Row("image ls -q", (r"\+ ID", "a built-in image"), unordered=True),
    Row("image ls --digests", WHOAMI, (r"[-+] .*/diff.*", DIGEST),
        unordered=True),
    Row("image ls --format '{{json .}}' --filter reference=*/diff",
        unordered=True),
    Row("image ls --filter reference=*/diff:2"),
    Row("image ls --no-trunc", WHOAMI, unordered=True),
    Row("image inspect {img1}", 
        (r'.*\.Config\.\w+: missing, real (false|""|null)',
         "keys that say nothing are left out, as since API 1.50"),
        (r".*\.(Container|ContainerConfig|VirtualSize): missing.*",
         "gone since API 1.45"),
        (r".*\.Descriptor: not in the real one.*", "there since API 1.48"),
        (r".*\.GraphDriver\.Data: .*",
         "overlayfs is used directly, without a storage driver"),
        (r".*\.RepoDigests: real \[\].*", DIGEST)),
    Row("image inspect nosuch", 
        (r"[-+] .*[Nn]o such image: nosuch.*", "worded so since 25.0")),

    Row("service create --detach --no-resolve-image --name web "
        "--replicas 2 --env V=1 --update-delay 0s --update-monitor 100ms "
        "--rollback-monitor 100ms {img1}"),
    settle,
    Row("service create --detach --no-resolve-image --name web {img1}"),
    Row("service ls"),
    Row("service ls --format '{{json .}}'"),
    Row("service ls --filter name=we --filter mode=replicated -q"),
    Row("service ps web"),
    Row("service ps --no-trunc web"),
    Row("service ps --format '{{json .}}' web"),
    Row("service inspect web"),
    Row("service inspect --pretty web"),
    Row("node ps self"),
    Row("ps", unordered=True),
    Row("ps --no-trunc", unordered=True),
    Row("ps --format '{{json .}}'", 
        (r".*\.Size: .*", "the writable layer is not measured"),
        unordered=True),
    Row("ps --filter name=web.1 --format '{{.Names}} {{.Command}} "
        "{{.State}}'"),
    Row("ps --filter status=exited"),
    Row("inspect --format '{{{{.Name}}}} {{{{.Path}}}} {{{{json .Args}}}} "
        "{{{{.State.Status}}}} {{{{json .Config.Entrypoint}}}} "
        "{{{{json .Config.Cmd}}}} {{{{json .Config.Env}}}} "
        "{{{{.Config.WorkingDir}}}} {{{{.Config.StopSignal}}}} "
        "{{{{json .Config.Labels}}}} {{{{.Image}}}}' {container}"),
    Row("logs {container}", unordered=True),
    Row("logs --tail 1 {container}"),
    Row("service logs --raw web", unordered=True),
    Row("service logs --no-trunc --timestamps web", unordered=True),
    Row("service scale --detach web=3"),
    settle,
    Row("service ps web"),
    Row("service scale --detach web=1"),
    settle,
    Row("service ps web"),
    Row("service update --detach --no-resolve-image --image {img2} "
        "--env-add V=2 --args 'one two' web"),
    settle,
    Row("service inspect web"),
    Row("service inspect --pretty web"),
    Row("service ps web"),
    Row("ps --no-trunc", unordered=True),
    Row("ps -a"),
    Row("service rollback --detach web"),
    settle,
    Row("service inspect web"),
    Row("service ps --no-trunc web"),
    Row("service ps --filter desired-state=running web"),
    Row("service update --detach --force web"),
    settle,

    # All that a command line can say.
    Row("service create --detach --no-resolve-image --name full "
        "--env A=b --label l=1 --container-label c=2 --hostname "
        "'{{{{.Service.Name}}}}-{{{{.Task.Slot}}}}' "
        "--mount type=tmpfs,target=/scratch,tmpfs-size=1m "
        "--mount type=volume,source=vol,target=/vol "
        "--mount type=bind,source=/usr,target=/usr,readonly "
        "--limit-memory 64m --limit-cpu 0.5 --limit-pids 50 "
        "--reserve-memory 8m --constraint node.role==manager "
        "--restart-condition on-failure --restart-delay 1s "
        "--restart-max-attempts 3 --restart-window 10s "
        "--update-parallelism 2 --update-order start-first "
        "--update-monitor 1s --rollback-parallelism 1 "
        "--stop-grace-period 3s --stop-signal SIGKILL --user 1000 "
        "--workdir /bin --read-only --init --host a.example:10.1.2.3 "
        "--dns 10.9.8.7 --dns-search x.example --cap-add CAP_NET_RAW "
        "--cap-drop CAP_CHOWN --ulimit nofile=100:200 "
        "--health-cmd true --health-interval 1s --health-retries 2 "
        "--health-timeout 2s --network host "
        "--log-driver json-file --log-opt max-size=1m {img1} x y"),
    settle,
    Row("service inspect full", 
        (r".*\.Endpoint\.(Spec\.Mode|VirtualIPs): missing.*", PLAIN),
        (r".*\.Networks\[0\].Target: .*",
         "the predefined networks' ids are their names")),
    Row("service inspect --pretty full"),
    Row("service ps full"),
    Row("ps --filter label=c=2"),
    Row("service rm full"),
    Row("service create --detach --no-resolve-image --name everywhere "
        "--mode global --publish published=18081,target=80,mode=host "
        "--endpoint-mode vip {img1}"),
    settle,
    Row("service ls"),
    Row("service inspect everywhere"),
    Row("service inspect --pretty everywhere"),
    Row("service ps everywhere", (r"[-+] .*18081.*", IPV4)),
    Row("ps --filter name=everywhere", (r"[-+] .*18081.*", IPV4)),
    Row("service scale everywhere=2"),
    Row("service rm everywhere"),

    # Digests.
    Row("service create -q --name pinned --replicas 1 "
        "--update-monitor 100ms {img1}"),
    settle,
    Row("service ls --filter name=pinned"),
    Row("service inspect --format "
        "'{{{{.Spec.TaskTemplate.ContainerSpec.Image}}}}' pinned"),
    Row("service ps pinned"),
    Row("service update -q --image {img2} pinned"),
    settle,
    Row("service ps pinned"),
    Row("service rm pinned"),

    # Waiting until it is done.
    Row("service create --no-resolve-image --name waits --replicas 2 "
        "--update-monitor 1s --update-delay 0s --rollback-monitor 1s {img1}",
        last=True),
    Row("service ls --filter name=waits"),
    Row("service scale waits=3", last=True),
    Row("service update --no-resolve-image --env-add V=3 "
        "--update-parallelism 0 waits", last=True),
    Row("service inspect waits"),
    Row("service rollback waits", last=True),
    Row("service inspect --pretty waits"),
    Row("service logs --raw waits.1"),
    Row("service scale waits=0", last=True),
    settle,
    Row("service ls --filter name=waits"),
    Row("service rm waits web-not-there"),

    # What is refused.
    Row("service create --detach --no-resolve-image --name Bad_! {img1}"),
    Row("service create --detach --no-resolve-image 'a b'"),
    Row("service create --detach --no-resolve-image --constraint x {img1}", 
        (r"[-+] .* code = (Unknown|InvalidArgument) desc = constraint .*",
         "it is the client's mistake: 400, not 500")),
    Row("service create --detach --no-resolve-image --limit-memory 1m "
        "{img1}"),
    Row("service create --detach --no-resolve-image --network nosuch "
        "{img1}"),
    Row("service create --detach --no-resolve-image --publish "
        "80:80 --publish 80:81 {img1}"),
    Row("service create --detach --no-resolve-image --hostname "
        "'{{{{.Bad' {img1}",
        (r"[-+] .*template: .*unclosed action", "says the column too")),
    Row("service inspect nosuch"),
    Row("service ps nosuch"),
    Row("service rm nosuch"),
    Row("service scale nosuch=2"),
    Row("service update nosuch"),
    Row("service rollback nosuch"),
    Row("service logs nosuch"),
    Row("logs nosuch"),
    Row("inspect nosuch"),
    Row("node rm {host}"),
    Row("node demote {host}"),
    Row("node promote {host}"),
    Row("node update --availability sometimes {host}", 
        (r"[-+] .*Availability: .*", "says which words are known")),

    "mark",
    Row("node update --availability drain {host}"),
    lambda d: wait_for("nothing runs", lambda: not [
        t for t in ask(d, "/tasks") if t["Status"]["State"] == "running"], 60),
    Row("node ls", ENGINE),
    Row("service ls"),
    Row("node update --availability active {host}"),
    settle,
    Row("service rm web"),
    lambda d: wait_for("no task is left", lambda: not ask(d, "/tasks"), 60),
    Row("service ls"),
    Row("events --since {began} --until {now} --filter type=service "
        "--format '{{{{.Action}}}} {{{{.Actor.Attributes.name}}}}'",
        (r"- update (full|everywhere)",
         "ports and networks are given at once, not by a second change"),
        unordered=True),
    Row("events --since {mark} --until {now} --filter type=node "
        "--format '{{{{json .Actor.Attributes}}}}'"),
    Row("events --since {began} --until {now} --filter scope=swarm "
        "--filter type=service --filter event=create"),
    Row("swarm update --task-history-limit 2"),
    Row("swarm leave --force"),
    Row("swarm leave"),
    Row("node ls"),
]


def run(d, row, words, api):
    command = row.command
    if "{container}" in command:
        words = {**words, "container": container(d)}
    command = re.sub(r"\{(\w+)\}", lambda m: str(words.get(m[1], m[0])),
                     command.replace("{{{{", "{{").replace("}}}}", "}}"))
    done = subprocess.run(["docker", "-H", "unix://" + d.sock,
                           *shlex.split(command)], capture_output=True,
                          timeout=120, check=False, stdin=subprocess.DEVNULL,
                          env={**os.environ, "TZ": "UTC", **(
                              {"DOCKER_API_VERSION": api} if api else {})})
    out, err = done.stdout.decode(), done.stderr.decode()
    if done.returncode or err:
        out += f"{err}(exit {done.returncode})\n"
    return "".join(out.splitlines(True)[-1:]) if row.last else out


def run_all(d, directory, api=API):
    """(row, output) of each command; api None: as the client chooses."""
    began = mark = int(time.time())
    result = []
    for row in ROWS:
        if row == "mark":
            mark = int(time.time())
        elif isinstance(row, Row):
            words = {"old": directory + "/1.tar", "new": directory + "/2.tar",
                     "img1": OLD.ref, "img2": NEW.ref, "began": began,
                     "mark": mark, "host": os.uname().nodename,
                     "now": int(time.time()) + 1}
            result.append((row, run(d, row, words, api)))
        else:
            row(d)
    return result


def complain(row, differences):
    """The differences that are not excused, and excuses that are stale."""
    said = []
    for pattern, reason in row.but:
        hit = [d for d in differences if re.fullmatch(pattern, d)]
        if not hit:
            said.append(f"no longer differs ({reason}): {pattern}")
        differences = [d for d in differences if d not in hit]
    return differences + said


def differences(theirs, ours, real_names, our_names, free):
    """The table's complaints, as text."""
    said = []
    for (row, a), (_, b) in zip(theirs, ours):
        left = complain(row, [
            d for d in compare.compare(a, b, real_names, our_names,
                                       row.unordered)
            if not (free and re.fullmatch(FREE, d))])
        if left:
            said.append("$ docker " + row.command + "\n    " +
                        "\n    ".join(left))
    return said


def test_docker_prints_what_it_prints_against_dockerd():
    """Each row, against both; ours also with the newest version of the API."""
    if not dockerd.installed():
        raise Skipped("no dockerd")
    if SANITIZED:
        raise Skipped("--init wants a static program")
    with tempfile.TemporaryDirectory(prefix="swarm-diff-") as directory, \
            Registry([OLD, NEW]):
        OLD.save(directory + "/1.tar")
        NEW.save(directory + "/2.tar")
        with dockerd.Dockerd() as real:
            theirs = run_all(real, directory)
        for api in (API, None):
            with Node() as node:
                said = differences(theirs, run_all(node, directory, api),
                                   [(real.dir, "DIR")], [(node.dir, "DIR")],
                                   api is None)
            if said:
                raise Failed(f"{len(said)} commands differ (API "
                             f"{api or 'as the client chooses'}):\n" +
                             "\n".join(said))
