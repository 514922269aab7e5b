#!/usr/bin/env python3
"""The image of deploy/Dockerfile and what runs in it, on a container engine of the test's own.

    containers_test.py --skipctl FILE [--suite bookworm|trixie] [--image-only]

Makes a bare Debian by debootstrap, for want of a registry, and imports it under the name that the
Dockerfile asks for; builds the image; installs, upgrades and purges the package that it was built
of; then lets a testbed of 8 containers train for 40 rounds, kills one, cuts another off, heals both,
and asks Prometheus. It runs as root, with dockerd, docker-compose, debootstrap and a mirror of Debian,
and says in a line what it lacks (exit code 77). Everything it makes lies in one temporary folder.
"""

import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
PACKAGES_TEST = REPOSITORY / "tests/integration/packages/install_in_root.sh"
MIRROR = "http://deb.debian.org/debian"
DATASET = "/usr/share/datasets/fashion-mnist"
SKIPPED = 77
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
NODES, ROUNDS = 8, 40
KILLED, CUT = 3, 5
DEGREE = 3
PATIENCE = 300  # seconds; ample for any one thing that a testbed does
# What debian:*-slim leaves out of a Debian, so that sizes are those of an image that users build.
NOT_IN_SLIM = ["usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale",
               "var/cache/apt/archives", "var/lib/apt/lists"]


class Failed(Exception):
    """A check that did not hold."""


def say(text):
    print(f"==> {text}", flush=True)


def check(condition, what):
    if not condition:
        raise Failed(what)


def run(*words, ok=(0,), **options):
    """Runs a command, fails unless its exit code is one of `ok`, and returns it with its output."""
    done = subprocess.run([str(w) for w in words], text=True, capture_output=True, check=False,
                          **options)
    if done.returncode not in ok:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise Failed(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{tail}")
    return done


def why_not(suite):
    """What this machine lacks; None if it lacks nothing."""
    if os.geteuid() != 0:
        return "needs root, to start a container engine"
    for program in ("dockerd", "docker", "docker-compose", "debootstrap"):
        if not shutil.which(program):
            return f"needs {program}"
    if not os.path.ismount("/sys/fs/cgroup"):
        return "needs control groups, mounted at /sys/fs/cgroup"
    if not os.path.isdir(DATASET):
        return f"needs {DATASET}, of the package dataset-fashion-mnist"
    try:
        urllib.request.urlopen(f"{MIRROR}/dists/{suite}/Release", timeout=20).close()
    except OSError as error:
        return f"needs a mirror of Debian: {MIRROR}: {error}"
    return None


def until(what, condition):
    """Waits until `condition()` is true, and returns what it was."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.3)
    raise Failed(f"not within {PATIENCE} s: {what}")


@contextlib.contextmanager
def engine(work):
    """A dockerd with everything of its own below `work`."""
    endpoint = f"unix://{work}/docker.sock"
    words = ["dockerd", "--data-root", f"{work}/data", "--exec-root", f"{work}/exec",
             "--pidfile", f"{work}/dockerd.pid", "--host", endpoint]
    with open(work / "dockerd.log", "w", encoding="utf-8") as log:
        # It ends with this program, however that ends.
        die_too = ctypes.CDLL(None).prctl
        daemon = subprocess.Popen(words, stdout=log, stderr=log, preexec_fn=lambda: die_too(
            PR_SET_PDEATHSIG, signal.SIGTERM))
    os.environ["DOCKER_HOST"] = endpoint
    os.environ["DOCKER_CONFIG"] = str(work)
    try:
        def answers():
            check(daemon.poll() is None, "dockerd has ended:\n" +
                  (work / "dockerd.log").read_text(encoding="utf-8")[-2000:])
            return subprocess.run(["docker", "version"], capture_output=True,
                                  check=False).returncode == 0
        until("dockerd answers", answers)
        yield
    finally:
        left = subprocess.run(["docker", "ps", "-aq"], capture_output=True, text=True, check=False)
        if left.stdout.split():
            run("docker", "rm", "-f", *left.stdout.split(), ok=range(256))
        daemon.terminate()
        daemon.wait(timeout=60)


def import_base(work, suite):
    """debian:SUITE-slim, as near as it can be had; also as a tarball for the test of the packages."""
    root, tarball = work / "base", work / "base.tar"
    say(f"a bare Debian ({suite}) by debootstrap")
    run("debootstrap", "--variant=minbase", suite, root, MIRROR)
    run("tar", "-C", root, "-cf", tarball, ".")
    for folder in NOT_IN_SLIM:
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir()
    (root / "var/cache/apt/archives/partial").mkdir()
    slim = work / "slim.tar"
    run("tar", "-C", root, "-cf", slim, ".")
    base = f"debian:{suite}-slim"
    run("docker", "import", slim, base)
    slim.unlink()
    shutil.rmtree(root)
    return base, tarball


def megabytes(image):
    return int(run("docker", "image", "inspect", "-f", "{{.Size}}", image).stdout) / 1e6


def build_image(base):
    say("building the image, which builds the product: for minutes")
    begin = time.monotonic()
    # Docker's older builder, which is what Debian 12's docker-compose uses as well.
    environment = os.environ | {"DOCKER_BUILDKIT": "0"}
    for arguments in (["-t", "skiptrain-package", "--target", "package"],
                      ["-t", "skiptrain-installed", "--target", "installed"],
                      ["-t", "skiptrain"]):
        run("docker", "build", "--build-arg", f"BASE={base}", "-f", REPOSITORY / "deploy/Dockerfile",
            *arguments, REPOSITORY, env=environment)
    say(f"built in {time.monotonic() - begin:.0f} s: skiptrain has {megabytes('skiptrain'):.0f} MB, "
        f"{megabytes(base):.0f} of them {base}; with all packages "
        f"{megabytes('skiptrain-installed'):.0f} MB")


def take_packages(work):
    folder = work / "packages"
    container = run("docker", "create", "skiptrain-package", "true").stdout.strip()
    run("docker", "cp", f"{container}:/src/build/release/packages", folder)
    run("docker", "rm", container)
    for package in sorted(folder.glob("*.deb")):
        say(f"{package.name} has {package.stat().st_size / 1e6:.2f} MB")
    return folder


class Testbed:
    """A testbed of containers, handled with skipctl as a user does."""

    def __init__(self, skipctl, folder):
        self.program, self.folder = skipctl, folder

    def skipctl(self, *words, ok=(0,)):
        return run(self.program, *words, ok=ok)

    def testbed(self, verb, *words, ok=(0,)):
        return self.skipctl("testbed", verb, "--dir", self.folder, *words, ok=ok)

    def ask_all(self, *words, ok=(0,)):
        return self.skipctl("-e", f"{self.folder}/node-0/control.sock", "--all", *words, ok=ok)

    def statuses(self):
        """Of the nodes that answer, by name."""
        nodes = json.loads(self.testbed("status", "-o", "json", ok=(0, 8)).stdout)["nodes"]
        return {n["node_name"]: n["status"] for n in nodes if n["status"]}

    def of(self, node, key):
        return self.statuses().get(f"node-{node}", {}).get(key, -1)

    def round_of(self, node):
        return self.of(node, "round")


def train_through_faults(bed):
    say(f"a testbed of {NODES} containers for {ROUNDS} rounds")
    bed.testbed("up", "--engine", "docker", "--nodes", NODES, "--rounds", ROUNDS, "--model", "mlp",
                "--topology", f"regular:{DEGREE}", "--local-steps", 1200, "--seed", 1)
    until("the run is under way", lambda: bed.round_of(0) >= 6)
    check(bed.of(CUT, "address") == f"node-{CUT}.peers:7433", bed.of(CUT, "address"))
    bed.testbed("kill", f"node-{KILLED}")
    bed.testbed("cut", f"node-{CUT}")
    at = bed.round_of(CUT)
    say(f"node-{KILLED} killed and node-{CUT} cut off in round {at}")
    status = bed.testbed("status", ok=(8,)).stdout
    check(f"node-{KILLED} does not run" in status, status)
    check(f"node-{CUT} is cut off" in status, status)
    until("the node that is cut off sees nobody",
          lambda: bed.of(CUT, "neighbours_connected") == 0)
    until("the others go on", lambda: bed.round_of(0) >= at + 10)
    nodes = bed.statuses()
    check(f"node-{KILLED}" not in nodes, "a killed node answers")
    alone = nodes[f"node-{CUT}"]
    check(alone["neighbours_connected"] == 0, "cut off, and yet connected again")
    say(f"node-0 is in round {nodes['node-0']['round']}, node-{CUT} alone in {alone['round']}")
    healed = bed.testbed("heal").stdout
    check(f"node-{KILLED} runs again" in healed, healed)
    check(f"node-{CUT} is back among its peers" in healed, healed)
    until("both are connected again", lambda: all(
        bed.of(node, "neighbours_connected") == DEGREE for node in (KILLED, CUT)))
    until("all have ended the run", lambda: [
        s["phase"] for s in bed.statuses().values()] == ["finished"] * NODES)
    done = bed.ask_all("status")
    print(done.stdout, flush=True)
    rounds = [s["round"] for s in bed.statuses().values()]
    check(rounds == [ROUNDS] * NODES, f"rounds {rounds}")
    check(bed.ask_all("health", ok=(0, 8)).returncode == 0, "the healed testbed is not well")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask_prometheus(bed, work, base):
    say("a Prometheus of Debian's, by the testbed's profile `prometheus`")
    recipe = work / "prometheus"
    recipe.mkdir()
    (recipe / "Dockerfile").write_text(
        f"FROM {base}\nRUN apt-get update -q && apt-get install -y -q --no-install-recommends "
        "prometheus\nENTRYPOINT [\"prometheus\"]\n", encoding="utf-8")
    run("docker", "build", "-t", "debian-prometheus", recipe,
        env=os.environ | {"DOCKER_BUILDKIT": "0"})
    port = free_port()
    run("docker-compose", "--profile", "prometheus", "up", "-d", "prometheus", cwd=bed.folder,
        env=os.environ | {"SKIPTRAIN_PROMETHEUS_IMAGE": "debian-prometheus",
                          "SKIPTRAIN_PROMETHEUS_PORT": str(port)})

    def ask(query):
        url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]["result"]
        except OSError:
            return []

    rounds = until("Prometheus has the round of all nodes",
                   lambda: len(ask("skiptrain_round")) == NODES and ask("skiptrain_round"))
    for query in ("skiptrain_round", "sum(skiptrain_energy_spent_joules_total)",
                  "sum by (verdict) (skiptrain_updates_total)"):
        for series in ask(query):
            labels = {k: v for k, v in series["metric"].items() if k not in ("job", "__name__")}
            print(f"  {query} {json.dumps(labels)} {series['value'][1]}", flush=True)
    check(all(float(series["value"][1]) == ROUNDS for series in rounds), f"{rounds}")


def last_line(done):
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def bad_inputs(bed):
    say("what cannot be")
    unknown = bed.testbed("kill", "node-99", ok=(4,))
    check("there is no node \"node-99\"" in unknown.stderr, unknown.stderr)
    nowhere = subprocess.run(
        [bed.program, "testbed", "up", "--engine", "docker", "--dir", f"{bed.folder}-2"],
        env=os.environ | {"DOCKER_HOST": "unix:///nowhere/docker.sock"}, text=True,
        capture_output=True, check=False)
    check(nowhere.returncode == 3 and "no container engine answers" in nowhere.stderr,
          nowhere.stderr)
    check(not os.path.exists(f"{bed.folder}-2"), "a testbed without an engine left a folder")
    # The image's own config names data that are in a volume, which is not given here.
    without = run("docker", "run", "--rm", "skiptrain", ok=(1, 2))
    complaint = last_line(without)
    check(f"{DATASET}/train-" in complaint and "there is no such file" in complaint, complaint)
    print(f"  without data: {complaint}", flush=True)
    unwritable = run("docker", "run", "--rm", "--user", "12345", "-v", f"{DATASET}:{DATASET}:ro",
                     "skiptrain", ok=(1, 2))
    complaint = last_line(unwritable)
    check("/var/lib/skiptrain" in complaint, complaint)
    print(f"  a state folder of somebody else: {complaint}", flush=True)


def take_down(bed):
    say("the end")
    down = bed.testbed("down").stdout
    check(f"{NODES} daemons ended" in down, down)
    check(run("docker", "ps", "-aq").stdout == "", "containers are left")
    networks = run("docker", "network", "ls", "--format", "{{.Name}}").stdout
    check("skiptrain" not in networks, networks)
    gone = bed.testbed("status", ok=(4,))
    check("has ended" in gone.stderr, gone.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skipctl", required=True)
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--image-only", action="store_true", help="stop when the image is built")
    arguments = parser.parse_args()
    reason = why_not(arguments.suite)
    if reason:
        print(f"skipped: {reason}")
        return SKIPPED
    work = pathlib.Path(tempfile.mkdtemp(prefix="skiptrain-containers-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of what must be put away
    try:
        with engine(work):
            base, tarball = import_base(work, arguments.suite)
            build_image(base)
            packages = take_packages(work)
            if arguments.image_only:
                say("ok")
                return 0
            if arguments.suite == "bookworm":
                say("the packages in that Debian")
                print(run(PACKAGES_TEST, packages, tarball).stdout, end="", flush=True)
            bed = Testbed(os.path.abspath(arguments.skipctl), str(work / "bed"))
            train_through_faults(bed)
            ask_prometheus(bed, work, base)
            bad_inputs(bed)
            take_down(bed)
    except Failed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
