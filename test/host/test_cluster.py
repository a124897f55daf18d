"""Joining, leaving, roles: hosts that become a cluster, and change it."""
import re

from cluster import Cluster
from node import check, check_in, wait_for


def is_out(h):
    check(h.state() == "inactive", f"{h.name} is {h.state()}")


def broken(token, part, to):
    """A token with another secret, or of another root."""
    words = token.split("-")
    words[part] = to
    return "-".join(words)


def test_five_hosts():
    """Three managers and two workers by token: node ls is the same on all
    managers, tasks go everywhere, and a worker asks nobody's state."""
    with Cluster(managers=3, workers=2) as c:
        for m in c.hosts[:3]:
            out = m.swarm("node", "ls")
            for h in c.hosts:
                check_in(h.name, out)
            check(out.count("Ready") == 5, out)
            check(out.count("Leader") == 1, out)
            check(out.count("Reachable") == 2, out)
        c.hosts[1].swarm("service", "create", "--detach", "--name", "w",
                         "--replicas", "5", "swarm/whoami")
        c.wait_converged()
        for h in c.hosts:
            check(len(h.supervisors()) == 1, f"{h.name}: {h.supervisors()}")
        check_in("not a swarm manager", c.hosts[4].swarm(
            "node", "ls", ok=False))


def test_who_may_join():
    """Wrong secret, another cluster's root, no token at all, an address where
    nobody is, a token that was rotated, twice: refused, with the reason, and
    what was refused can still join."""
    with Cluster(managers=1) as c:
        m, h, other = c.hosts[0], c.host(), c.host()
        worker, manager = m.token("worker"), m.token("manager")
        check(worker != manager and worker.startswith("SWMTKN-1-"), worker)
        check(re.fullmatch(r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}", manager),
              manager)
        other.init()
        check_in("A valid join token is necessary", h.join(
            m, token=broken(worker, 3, "a" * 25), ok=False))
        said = h.join(m, token=broken(worker, 2, other.token("worker")
                                      .split("-")[2]), ok=False)
        check_in("does not match fingerprint", said)
        check_in("invalid join token", h.join(m, token="SWMTKN-1-no",
                                              ok=False))
        said = h.join(c.hosts[1].ip + ":2377", token=worker, ok=False)
        check_in(h.ip + ":2377", said)
        is_out(h)
        check(worker == m.token("worker"), "tokens stay")
        m.swarm("join-token", "-q", "--rotate", "worker")
        check(manager == m.token("manager"), "only one is rotated")
        check_in("A valid join token is necessary", h.join(
            m, token=worker, ok=False))
        is_out(h)
        h.join(m)
        c.wait_ready([m, h], by=[m])
        check_in("already part of a swarm", h.join(m, token=manager,
                                                   ok=False))
        check_in("already part of a swarm", other.join(
            m, token=manager, ok=False))
        check(len(m.nodes()) == 2, m.nodes())


def test_a_worker_leaves_and_is_removed():
    """One that is there is not removed; one that left is down, then gone; one
    that was removed by force is never let in again, and says so."""
    with Cluster(managers=1, workers=2) as c:
        m, w, x = c.hosts
        m.create("--name", "w", "--mode", "global", "--stop-grace-period",
                 "1s", "swarm/whoami", wait=False)
        m.wait_running("w", 3)
        check_in("is not down and can't be removed",
                 m.swarm("node", "rm", w.name, ok=False))
        w.swarm("leave")
        is_out(w)
        check(not w.supervisors(), w.supervisors())
        wait_for("it is down", lambda: m.node(w)["Status"]["State"] == "down")
        m.swarm("node", "rm", w.name)
        check(m.node(w) is None, "it is gone")
        m.swarm("node", "rm", "--force", x.name)
        for _ in range(2):
            x.kill()
            x.start()
            check(m.node(x) is None, "it is not there again")
        w.join(m)
        c.wait_ready([m, w], by=[m])
        wait_for("one runs on each", lambda: {
            t["NodeID"] for t in m.live("w")} == {m.id, w.id}, 5)
        x.swarm("leave")
        check(not x.supervisors(), x.supervisors())
        x.join(m)
        c.wait_ready([m, w, x], by=[m])


def test_roles_change():
    """A worker is promoted; the leader is demoted and another leads; the
    demotion that would cost the majority is refused with the numbers."""
    with Cluster(managers=3, workers=1) as c:
        worker = c.hosts[3]
        old = c.leader()
        task = old.create("--name", "w", "--mode", "global", "swarm/whoami",
                          wait=False)
        old.wait_running(task, 4)
        before = {t["ID"] for t in old.live(task)}
        old.swarm("node", "promote", worker.name)
        wait_for("it is a manager", lambda: worker.nodes() and
                 worker.node(worker).get("ManagerStatus"))
        c.wait_ready()
        old.swarm("node", "demote", old.name)
        wait_for("it is none any more",
                 lambda: not old.info()["ControlAvailable"])
        leader = c.leader([worker])
        check(leader is not old, "another leads")
        c.wait_ready(by=[worker])
        check(len(c.managers()) == 3, c.managers())
        check({t["ID"] for t in worker.live(task)} == before,
              "no task was touched")
        dead = [h for h in c.managers() if h not in (worker, leader)][0]
        dead.power_off()
        wait_for("it is missed", lambda: worker.node(dead)["ManagerStatus"]
                 ["Reachability"] != "reachable")
        for h in {worker, leader}:
            said = worker.swarm("node", "demote", h.name, ok=False)
            check(re.search(r"\b1\b.*\b2\b|\b2\b.*\b1\b", said), said)
        dead.boot()
        c.wait_ready(by=[worker])


def test_managers_leave():
    """Not without --force; the leader hands over as it goes; the last one
    takes the cluster with it."""
    with Cluster(managers=3) as c:
        first = c.leader()
        check_in("participating as a manager",
                 first.swarm("leave", ok=False))
        first.swarm("leave", "--force")
        is_out(first)
        rest = [h for h in c.hosts if h is not first]
        second = c.leader(rest)
        c.write(second, "after")
        wait_for("it is known as gone", lambda: (
            lambda n: n["Status"]["State"] == "down" and
            not n.get("ManagerStatus"))(second.node(first)))
        second.swarm("node", "rm", first.name)
        other = [h for h in rest if h is not second][0]
        other.swarm("leave", "--force")
        is_out(other)
        c.write(second, "alone")
        check_in("last manager", second.swarm("leave", ok=False))
        second.swarm("leave", "--force")
        is_out(second)
        second.init()
        first.join(second, "manager")
        c.wait_ready([first, second], by=[first, second])
        check(second.swarm("service", "ls", "-q") == "", "all was forgotten")


def test_daemons_join_by_themselves():
    """--init and --join: unattended, role by token, also after restarts and
    before the manager is there."""
    with Cluster() as c:
        m = c.host(args=["--init", "--advertise-addr", "eth0"])
        wait_for("it made a cluster", lambda: m.state() == "active")
        m.know()
        token = {r: m.token(r) for r in ("worker", "manager")}
        w = c.host(args=["--join", f"{m.ip}:2377", "--token",
                         token["worker"], "--advertise-addr", "eth0"])
        m.kill()
        path = c.dir + "/token"
        with open(path, "w") as f:
            f.write(token["manager"])
        x = c.host(args=["--join", f"{m.ip}:2377", "--token-file", path])
        m.start()
        for h in (w, x):
            wait_for(f"{h.name} joined", lambda h=h: h.state() == "active" and
                     h.know())
        c.wait_ready([m, w, x], by=[m, x])
        check(x.info()["ControlAvailable"], "role by token")
        ids = {h.id for h in c.hosts}
        for h in c.hosts:
            h.kill()
        for h in c.hosts:
            h.start()
        c.wait_ready([m, w, x], by=[m, x])
        check(set(m.nodes()) == ids, "the same nodes")
