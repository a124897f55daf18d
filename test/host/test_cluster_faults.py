"""What may happen to a host of a cluster: cut off, dead, slow, moved, full,
wiped; and what of it the others notice."""
import os
import shutil
import signal
import threading
import time

from cluster import SLOW, Cluster
from node import Failed, check, check_in, wait_for
from test_disk import create_until_refused
from writer import Load, spec_of

NO_LEADER = "The swarm does not have a leader. It's possible that too few " \
    "managers are online."


def pids(m, service="w"):
    """{task: (node, pid)} of what runs."""
    return {t["ID"]: (t["NodeID"], t["Status"]["ContainerStatus"]["PID"])
            for t in m.live(service)}


def create(m, *args, name="w"):
    m.swarm("service", "create", "--detach", "--name", name,
            "--restart-delay", "0s", "--stop-grace-period", "1s", *args,
            "swarm/whoami")


def on_workers(m, *args, replicas=4):
    create(m, "--constraint", "node.role==worker", "--replicas",
           str(replicas), *args)
    m.wait_running("w", replicas)


def stays(what, fn, seconds):
    """fn() is true all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not fn():
            raise Failed(f"not all the time: {what}")
        time.sleep(0.05)


def state_of(m, h):
    return m.node(h)["Status"]["State"]


def test_a_worker_cut_off_from_all_managers():
    """Its containers run on, and one that crashes is begun again there. The
    managers put others in their place; healed, exactly what is wanted runs."""
    with Cluster(managers=3, workers=2) as c:
        m, w = c.leader(), c.hosts[3]
        on_workers(m)
        mine = {t: p for t, (n, p) in pids(m).items() if n == w.id}
        check(len(mine) == 2, mine)
        c.cut([w], [h for h in c.hosts if h is not w])
        m = c.leader(c.hosts[:3])
        wait_for("it is called down", lambda: state_of(m, w) == "down")
        m.wait_running("w", 4)
        check(set(mine) <= set(w.supervisors()), "its containers run on")
        task, pid = mine.popitem()
        w.kill_container(pid)
        wait_for("the crashed one is begun again", lambda: any(
            i == task or i not in mine for i in w.supervisors()))
        wait_for("two are there", lambda: len(w.supervisors()) == 2)
        other, pid = mine.popitem()
        check(w.inside("kill", "-0", str(pid)) == "", "that one did not stop")
        c.heal()
        c.wait_ready()
        c.wait_converged()


def test_a_link_to_one_manager_is_not_a_worker_down():
    """Either way, one way or both: nobody is called down, no task moves."""
    with Cluster(managers=3, workers=2) as c:
        leader, w = c.leader(), c.hosts[3]
        on_workers(leader)
        before = pids(leader)
        follower = c.followers()[0]
        for b, cuts in ((follower, (None,)), (leader, ((w, leader),
                                                       (leader, w), None))):
            for cut in cuts:
                if cut:
                    cut[1].drop_from(cut[0])
                else:
                    c.cut([w], [b])
                stays(f"{w.name} is ready without {b.name}",
                      lambda: all(state_of(m, w) == "ready"
                                  for m in c.hosts[:3]), 4)
                c.heal()
        check(pids(c.leader()) == before, "no task was touched")


def test_a_worker_host_dies_and_comes_back():
    """Replaced within 5 s; when it is back, its old containers are not."""
    with Cluster(managers=3, workers=2) as c:
        m, w = c.leader(), c.hosts[3]
        on_workers(m)
        began = time.monotonic()
        w.power_off()
        wait_for("others run in their place", lambda: [
            n for n, _ in pids(m).values()] == [c.hosts[4].id] * 4, 20 * SLOW)
        took = time.monotonic() - began
        check(took < 5 * SLOW, f"it took {took:.1f} s")
        w.boot(clock=-int(time.clock_gettime(time.CLOCK_BOOTTIME)) + 60)
        c.wait_ready()
        c.wait_converged()
        check(not w.supervisors(), "nothing moves by itself")


def test_a_worker_daemon_dies_and_comes_back():
    """Away for a second: its containers are the same. Away for long: others
    took their place, and it gives its own up."""
    with Cluster(managers=1, workers=2) as c:
        m, w = c.hosts[0], c.hosts[1]
        on_workers(m)
        before = pids(m)
        w.kill()
        w.start()
        c.wait_ready()
        stays("the same tasks", lambda: pids(m) == before, 1)
        w.kill()
        wait_for("it is called down", lambda: state_of(m, w) == "down")
        m.wait_running("w", 4)
        check(len(w.supervisors()) == 2, "its containers run on")
        w.start()
        c.wait_ready()
        c.wait_converged()


def test_a_paused_leader_serves_no_stale_read():
    """Asked while it sleeps, it answers with what is true once it wakes."""
    with Cluster(managers=3) as c:
        old = c.leader()
        c.write(old, "before")
        rest = [h for h in c.hosts if h is not old]
        old.pause()
        said = []
        # These wait in its socket until it wakes up, with its old state.
        asked = [threading.Thread(target=lambda: said.append(
            old.ask("GET", "/services"))) for _ in range(8)]
        for t in asked:
            t.start()
        new = c.leader(rest)
        check(new is not old, "another leads")
        for i in range(5):
            c.write(new, f"new{i}")
        time.sleep(10 if SLOW == 1 else 5)
        old.go_on()
        said.append(old.ask("GET", "/services"))
        for t in asked:
            t.join(60)
        check(len(said) == 9, "all are answered")
        for a in said:
            check(a.status == 503 or len(a.json()) == 6,
                  f"a stale read: {a.status} {a.body}")
        c.wait_ready()
        c.write(old, "after")


def test_addresses_change():
    """A manager's host and a worker's get others, without a command: all find
    each other, and no task is touched."""
    with Cluster(managers=3, workers=2) as c:
        m = c.leader()
        create(m, "--replicas", "5")
        m.wait_running("w", 5)
        before = pids(m)
        for moved in (((c.followers()[0], "10.9.0.103"),
                       (c.hosts[3], "10.9.0.104")), ((m, "10.9.0.101"),)):
            for h, ip in moved:
                h.renumber(ip)
            for h, ip in moved:
                wait_for(f"{h.name} is known at {ip}", lambda h=h, ip=ip: all(
                    x.node(h) and x.node(h)["Status"].get("Addr") == ip
                    for x in c.hosts[:3]))
            c.wait_ready()
        wait_for("the managers' addresses are known", lambda: {
            (n.get("ManagerStatus") or {}).get("Addr")
            for n in m.nodes().values()} >= {"10.9.0.103:2377",
                                             "10.9.0.101:2377"})
        check(pids(c.leader()) == before, "no task was touched")
        for h in c.hosts:  # what is stored is right, too
            h.kill()
        for h in c.hosts:
            h.start(wait=False)
        c.wait_ready()
        check(pids(c.leader()) == before, "no task was touched")


def test_the_disk_of_a_manager_is_full():
    """A follower's: writes go on. The leader's: another leads, and writes go
    on. Each says why in its log, and is a member again when there is space."""
    with Cluster() as c:
        for _ in range(3):
            c.host(size="48m")
        first = c.hosts[0].init()
        for h in c.hosts[1:]:
            h.join(first, "manager")
        c.wait_ready()
        for pick in (c.followers, lambda: [c.leader()]):
            full = pick()[0]
            others = [h for h in c.hosts if h is not full]
            ballast = os.path.join(full.root, "ballast")
            fill(ballast)
            known = write_until(c, others[0], lambda f=full: (
                "is full" in f.log()))
            c.write(c.leader(others), f"full-{full.name}")
            check(full.is_up(), "it stays up")
            os.unlink(ballast)
            wait_for("it has space again", lambda f=full: (
                "has space again" in f.log()))
            c.wait_ready()
            wait_for("it has all that was written", lambda f=full, k=known: (
                k <= {s["Spec"]["Name"]
                      for s in f.ask("GET", "/services").json()}))
            c.write(full, f"space-{full.name}")


def fill(path):
    with open(path, "wb") as f:
        try:
            while True:
                os.write(f.fileno(), bytes(1 << 16))
        except OSError:
            pass


def write_until(c, at, done, limit=3000):
    """Large services, through at, until done(): what was acknowledged."""
    known = set()
    for i in range(limit):
        if done():
            return known
        name = f"fill-{at.name}-{i}"
        try:
            a = at.ask("POST", "/services/create", {
                "Name": name, "Labels": {"pad": "x" * 8000},
                "TaskTemplate": {"ContainerSpec": {"Image": "swarm/whoami"}},
                "Mode": {"Replicated": {"Replicas": 0}}})
        except OSError:
            continue
        if a.status == 201:
            known.add(name)
    raise Failed("the disk never was full")


def test_a_wiped_manager_is_a_new_member():
    """It does not come back by itself, and does not vote as who it was: it
    joins as another node, and the old one is removed."""
    with Cluster(managers=3) as c:
        m = c.leader()
        c.write(m, "before")
        lost = c.followers()[0]
        old = lost.id
        lost.power_off()
        shutil.rmtree(lost.root)
        os.makedirs(lost.root, mode=0o711)
        lost.boot()
        check(lost.state() == "inactive", "it is nobody")
        lost.join(m, "manager")
        check(lost.id != old, "it is another one")
        c.wait_ready()
        wait_for("the old one is down", lambda: m.nodes()[old]["Status"]
                 ["State"] == "down")
        m.swarm("node", "demote", old)
        wait_for("it is no manager", lambda: not m.nodes()[old].get(
            "ManagerStatus"))
        wait_for("it is removed", lambda: m.swarm(
            "node", "rm", old, ok=None) == "" or old not in m.nodes())
        third = [h for h in c.hosts if h not in (m, lost)][0]
        third.kill()
        c.write(lost, "after")
        third.start()
        c.wait_ready()


def check_refused(m, *asks):
    """Together, for each waits for a leader. What one that led had taken
    before it lost the others is of unknown outcome."""
    said = []
    asked = [threading.Thread(target=lambda a=a: said.append(m.ask(*a)))
             for a in asks]
    for t in asked:
        t.start()
    for t in asked:
        t.join(60)
    check(len(said) == len(asks), "all are answered")
    for a in said:
        check(a.status == 503, (a.status, a.body))
        check(NO_LEADER in a.json()["message"] or "the outcome is unknown"
              in a.json()["message"], a.body)
    check(any(NO_LEADER in a.json()["message"] for a in said), "a sentence")


def test_the_majority_is_lost_for_good():
    """Writes and reads are refused with the sentence; --force-new-cluster
    on who is left: the same cluster, services, tasks, tokens and workers."""
    with Cluster(managers=3, workers=1) as c:
        left = c.leader()
        w = c.hosts[3]
        create(left, "--mode", "global", "--constraint",
               "node.role==worker")
        left.wait_running("w", 1)
        before, tokens = pids(left), [left.token(r)
                                      for r in ("worker", "manager")]
        cluster = left.ask("GET", "/swarm").json()["ID"]
        lost = [h for h in c.hosts[:3] if h is not left]
        for h in lost:
            h.power_off()
        check_refused(left, ("GET", "/services"), (
            "POST", "/services/create", spec_of("unknown", 0)))
        left.swarm("init", "--force-new-cluster", "--advertise-addr", "eth0")
        check(left.ask("GET", "/swarm").json()["ID"] == cluster, "the same")
        check([left.token(r) for r in ("worker", "manager")] == tokens,
              "the same tokens")
        c.wait_ready([left, w], by=[left])
        c.write(left, "again")
        check(pids(left) == before, "no task was touched")
        for h in lost:
            left.swarm("node", "rm", "--force", h.id)
            shutil.rmtree(h.root)
            os.makedirs(h.root, mode=0o711)
            h.boot()
            h.join(left, "manager")
        c.wait_ready()
        left.kill()
        c.write(lost[0], "without-the-one")
        left.start()
        c.wait_ready()
        check(pids(left) == before, "no task was touched")


def test_seven_managers():
    """Three may die, four may not; with four back it goes on."""
    with Cluster(managers=7) as c:
        check(len(c.managers()) == 7, c.managers())
        leader = c.leader()
        dead = [leader, *c.followers()[:2]]
        for h in dead:
            h.kill()
        rest = [h for h in c.hosts if h not in dead]
        c.write(rest[0], "four")
        rest[3].kill()
        check_refused(rest[0], ("GET", "/services"))
        rest[3].start()
        c.write(rest[1], "again")
        for h in dead:
            h.start(wait=False)
        c.wait_ready()
        c.wait_converged()
        check(sorted(s["Spec"]["Name"] for s in dead[0].ask(
            "GET", "/services").json()) == ["again", "four"], "what was written")


def test_every_daemon_is_restarted():
    """One after the other, as an upgrade does: writes go on, no task is
    touched, and whoever leads hands over."""
    with Cluster(managers=3, workers=2) as c:
        m = c.leader()
        create(m, "--replicas", "6")
        m.wait_running("w", 6)
        before = pids(m)
        load = Load(c.hosts[:3], clients=4)
        with load:
            for h in [*c.hosts[3:], *c.followers(), c.leader()]:
                check(h.stop() == 0, "it ends well")
                h.start()
                c.wait_ready()
                check(pids(c.leader()) == before, "no task was touched")
        for m in c.hosts[:3]:
            load.prove(m)
