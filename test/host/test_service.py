"""Services from create to rm, through the command line."""
import json
import os
import signal
import time

from node import Node, Failed, check, check_in, curl, wait_for


def test_three_replicas_run_answer_and_go():
    """init, create, ps, a call, scale, rm."""
    with Node() as n:
        n.init()
        check_in("web", n.create("--name", "web", "--replicas", "3",
                                 "swarm/whoami") and
                 n.swarm("service", "ls"))
        check_in("3/3", n.swarm("service", "ls"))
        tasks = n.live("web")
        for t in tasks:
            check_in("Hostname:", curl(f"http://{n.address(t)}/"))
        n.swarm("service", "scale", "--detach", "web=5")
        n.wait_running("web", 5)
        n.swarm("service", "scale", "--detach", "web=1")
        wait_for("one task is left", lambda: len(n.tasks("web")) == 1)
        n.swarm("service", "rm", "web")
        wait_for("no task is left", lambda: not n.tasks())


def test_create_waits_until_it_converged():
    """Without --detach, create returns once the tasks run."""
    with Node() as n:
        n.init()
        out = n.swarm("service", "create", "--name", "w", "swarm/whoami")
        check_in("converged", out)
        check(len(n.live("w")) == 1, "create came back before the task ran")


def test_a_host_port_leads_to_the_task():
    """mode=host over TCP, also by loopback; a taken port is refused."""
    with Node() as n:
        n.init()
        n.create("--name", "a", "--publish",
                 "published=18080,target=80,mode=host", "swarm/whoami")
        check_in("Hostname:", curl("http://127.0.0.1:18080/"))
        sid = n.create("--name", "b", "--restart-condition", "none",
                       "--publish", "published=18080,target=80,mode=host",
                       "swarm/whoami", wait=False)
        reason = wait_for("the second is told why", lambda: [
            t["Status"].get("Err") for t in n.tasks(sid)
            if t["Status"].get("Err")])
        check_in("port", reason[0])


def test_env_args_labels_and_limits_arrive():
    """What the flags say is what the container sees."""
    with Node() as n:
        n.init()
        sid = n.create("--name", "e", "-e", "COLOR=blue", "--env",
                       "WHO={{.Service.Name}}.{{.Task.Slot}}", "--hostname",
                       "box", "--limit-memory", "64m", "--limit-pids", "50",
                       "swarm/whoami")
        text = curl(f"http://{n.address(n.live(sid)[0])}/env")
        check_in("COLOR=blue", text)
        check_in("WHO=e.1", text)
        check_in("Hostname: box", text)


def test_logs_come_back():
    """service logs, raw and with prefixes."""
    with Node() as n:
        n.init()
        n.create("--name", "l", "--replicas", "2", "swarm/whoami")
        wait_for("both said something",
                 lambda: len(n.logs("l").splitlines()) >= 2)
        lines = n.swarm("service", "logs", "l").splitlines()
        check(all(l.startswith(("l.1.", "l.2.")) for l in lines), lines)


def test_a_task_that_fails_is_restarted_by_its_policy():
    """on-failure, two attempts, then the reason is kept."""
    with Node() as n:
        n.init()
        sid = n.create("--name", "f", "--restart-delay", "0s",
                       "--restart-max-attempts", "2", "swarm/whoami",
                       "whoami", "--no-such-flag", wait=False)
        wait_for("three tasks failed", lambda: sum(
            t["Status"]["State"] == "failed" for t in n.tasks(sid)) == 3)
        out = n.swarm("service", "ps", "--no-trunc", "f")
        check_in("non-zero exit", out)


def test_an_image_that_is_not_there_is_said():
    with Node() as n:
        n.init()
        sid = n.create("--name", "x", "--restart-condition", "none",
                       "nosuch:1", wait=False)
        wait_for("the task is rejected", lambda: [
            t for t in n.tasks(sid) if t["Status"]["State"] == "rejected"])
        check_in("No such image: nosuch:1",
                 n.swarm("service", "ps", "--no-trunc", "x"))


def test_update_replaces_tasks_and_rollback_brings_back():
    with Node() as n:
        n.init()
        n.create("--name", "u", "--replicas", "2", "-e", "V=1", "swarm/whoami")
        old = {t["ID"] for t in n.live("u")}
        n.swarm("service", "update", "--detach", "--env-add", "V=2", "u")
        wait_for("both are new", lambda: len(
            {t["ID"] for t in n.live("u")} - old) == 2 and
            len(n.live("u")) == 2)
        check_in("V=2", curl(f"http://{n.address(n.live('u')[0])}/env"))
        n.swarm("service", "rollback", "--detach", "u")
        wait_for("V=1 is back", lambda: len(n.live("u")) == 2 and all(
            "V=1" in t["Spec"]["ContainerSpec"]["Env"] for t in n.live("u")))


def test_global_runs_once_per_node():
    with Node() as n:
        n.init()
        sid = n.create("--name", "g", "--mode", "global", "swarm/whoami")
        check(len(n.live(sid)) == 1, "one node, one task")
        check_in("global", n.swarm("service", "ls"))


def test_a_constraint_that_no_node_meets_is_explained():
    with Node() as n:
        n.init()
        n.create("--name", "c", "--constraint", "node.role==worker",
                 "swarm/whoami", wait=False)
        wait_for("the reason is shown", lambda: "no suitable node" in n.swarm(
            "service", "ps", "--no-trunc", "c"))


def test_health_decides_when_a_task_runs():
    """starting until healthy; stopped when unhealthy (facts 10.3: a container
    that ends with 0 on the stop signal is complete even then)."""
    with Node() as n:
        n.init()
        body = {"Name": "h", "TaskTemplate": {
            "ContainerSpec": {"Image": "swarm/whoami", "Healthcheck": {
                "Test": ["CMD", "/swarm", "whoami", "--health"],
                "Interval": 200000000}}}}
        check(n.ask("POST", "/services/create", body).status == 201, "create")
        n.wait_running("h", 1)
        check_in("(healthy)", n.swarm("ps"))
        body["Name"] = "u"
        body["TaskTemplate"]["ContainerSpec"]["Healthcheck"]["Test"] = [
            "CMD", "/swarm", "whoami", "--no-such-flag"]
        check(n.ask("POST", "/services/create", body).status == 201, "create")
        wait_for("it is stopped and replaced", lambda: [
            t for t in n.tasks("u") if t["Status"]["State"] == "complete"])
        check(not [t for t in n.tasks("u") if t["Status"]["State"] ==
                   "running"], "an unhealthy task was called running")


def test_no_network_and_the_hosts():
    with Node() as n:
        n.init()
        sid = n.create("--name", "hn", "--network", "host", "swarm/whoami",
                       "whoami", "--port", "18081")
        check_in("Hostname:", curl("http://127.0.0.1:18081/"))
        check(len(n.live(sid)) == 1, "it runs")
        n.create("--name", "nn", "--network", "none", "swarm/whoami")


def test_flags_that_are_not_there_yet_are_refused_by_name():
    with Node() as n:
        n.init()
        for flag in ("--secret", "--config", "--update-failure-action"):
            out = n.swarm("service", "create", flag, "x", "swarm/whoami",
                          ok=False)
            check_in(f"{flag} is not supported yet", out)
        out = n.swarm("service", "create", "-p", "80:80", "swarm/whoami",
                      ok=False)
        check_in("mode=host", out)


def test_inspect_and_formats():
    with Node() as n:
        n.init()
        n.create("--name", "i", "--label", "a=b", "swarm/whoami")
        spec = json.loads(n.swarm("service", "inspect", "i"))[0]["Spec"]
        check(spec["Labels"] == {"a": "b"}, spec)
        check(n.swarm("service", "ls", "--format", "{{.Name}} {{.Replicas}}")
              .strip() == "i 1/1", "a template")
        check_in("Replicated", n.swarm("service", "inspect", "--pretty", "i"))
        check(len(n.swarm("service", "ls", "-q").strip()) == 12, "-q")
        check(n.swarm("service", "ls", "--filter", "name=zork", "-q") == "",
              "a filter")


def test_two_daemons_side_by_side():
    with Node() as a, Node() as b:
        a.init()
        b.swarm("init", "--listen-addr", "127.0.0.1:2378")
        sa = a.create("--name", "s", "swarm/whoami")
        sb = b.create("--name", "s", "swarm/whoami")
        aa, ab = a.address(a.live(sa)[0]), b.address(b.live(sb)[0])
        check(aa != ab, "addresses differ")
        check_in("Hostname:", curl(f"http://{aa}/"))
        check_in("Hostname:", curl(f"http://{ab}/"))


def test_crun_works_too():
    """On v1 alone: Debian 12's crun refuses a host that has both."""
    with Node(runtime="/usr/bin/crun", cgroup="v1") as n:
        n.init()
        n.create("--name", "c", "--replicas", "2", "swarm/whoami")
        check_in("Hostname:", curl(f"http://{n.address(n.live('c')[0])}/"))
        n.swarm("service", "rm", "c")
        wait_for("all is gone", lambda: not n.tasks())


def test_runc_on_cgroup_v2():
    """Without limits: a host with v1 too keeps the controllers there."""
    with Node(cgroup="v2") as n:
        n.init()
        n.create("--name", "c", "swarm/whoami")
        check_in("Hostname:", curl(f"http://{n.address(n.live('c')[0])}/"))
