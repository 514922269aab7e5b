#!/usr/bin/env python3
"""Measures how soon a daemon answers after it was started, and how soon it has trained.

    tests/bench/start.py [BUILD_DIR] [--turns N] [--dataset DIR]     (default build/release, 7)

In turns, for each model, from the moment of exec:
  answers   until the control socket has answered a GetStatus
  loaded    until the node begins its first round: data and model are there
  trained   until round 0, a train round of 20 local steps, is over
and beside them `skiptraind --version`, which loads the same libraries and does nothing: LibTorch
alone is most of it. One node that has all of the data; files are in the page cache after the turn
that is not counted. The client is this process (python3-grpcio), so that nothing is started to ask.
"""

import argparse
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import grpc

MODELS = ["mlp", "gn-lenet"]
TARGET_S = 0.5
PATIENCE_S = 60
POLL_S = 0.001
CONFIG = """
[node]
id = 0
data_dir = "{folder}/state"
[log]
level = "warn"
[cluster]
id = "bench"
topology = "complete"
[[cluster.nodes]]
id = 0
address = "127.0.0.1:0"
[run]
id = "bench"
rounds = 1
[train]
local_steps = 20
batch_size = 32
[model]
name = "{model}"
[data]
train_images = "{dataset}/train-images-idx3-ubyte.gz"
train_labels = "{dataset}/train-labels-idx1-ubyte.gz"
test_images = "{dataset}/t10k-images-idx3-ubyte.gz"
test_labels = "{dataset}/t10k-labels-idx1-ubyte.gz"
"""


def generated_messages(root, folder):
    """The module control_pb2, made by protoc."""
    proto = root / "proto"
    subprocess.run(["protoc", f"--proto_path={proto}", f"--python_out={folder}",
                    *(f"skiptrain/v1/{name}.proto" for name in ("control", "gossip", "peer"))],
                   check=True)
    sys.path.insert(0, folder)
    from skiptrain.v1 import control_pb2
    return control_pb2


def wait_for_socket(path, daemon):
    while True:
        assert daemon.poll() is None, f"skiptraind ended with {daemon.returncode}"
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) == 0:
                return
        time.sleep(POLL_S)


def start(skiptraind, config, pb):
    """Seconds from exec until it answers, is loaded, and has trained."""
    path = f"{config.parent}/state/control.sock"
    begin = time.perf_counter()
    daemon = subprocess.Popen([skiptraind, "--config", config])
    try:
        wait_for_socket(path, daemon)
        with grpc.insecure_channel(f"unix:{path}") as channel:
            get_status = channel.unary_unary(
                "/skiptrain.v1.Control/GetStatus",
                request_serializer=pb.GetStatusRequest.SerializeToString,
                response_deserializer=pb.GetStatusResponse.FromString)
            rounds = channel.unary_stream(
                "/skiptrain.v1.Control/ListRounds",
                request_serializer=pb.ListRoundsRequest.SerializeToString,
                response_deserializer=pb.RoundRecord.FromString)
            status = get_status(pb.GetStatusRequest(), timeout=PATIENCE_S)
            answers = time.perf_counter() - begin
            while status.phase == pb.PHASE_WARMING_UP:
                time.sleep(POLL_S)
                status = get_status(pb.GetStatusRequest(), timeout=PATIENCE_S)
            loaded = time.perf_counter() - begin
            record = next(rounds(pb.ListRoundsRequest(last=1, follow=True), timeout=PATIENCE_S))
            trained = time.perf_counter() - begin
            assert record.trained, "round 0 was no train round"
            return answers, loaded, trained
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0


def libraries_alone(skiptraind):
    begin = time.perf_counter()
    subprocess.run([skiptraind, "--version"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default=root / "build/release", type=pathlib.Path)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--dataset", default="/usr/share/datasets/fashion-mnist")
    arguments = parser.parse_args()
    skiptraind = arguments.build.resolve() / "bin/skiptraind"
    alone = []
    times = {model: [] for model in MODELS}
    with tempfile.TemporaryDirectory(prefix="skt-") as top:
        pb = generated_messages(root, top)
        for turn in range(arguments.turns + 1):
            alone.append(libraries_alone(skiptraind))
            for model in MODELS:
                folder = pathlib.Path(top) / f"{model}-{turn}"
                folder.mkdir()
                config = folder / "node.toml"
                config.write_text(
                    CONFIG.format(folder=folder, model=model, dataset=arguments.dataset))
                times[model].append(start(skiptraind, config, pb))
    print(f"skiptraind --version, libraries alone: {statistics.median(alone[1:]):.3f} s")
    worst = 0
    beside = 0
    for model in MODELS:
        answers, loaded, trained = (statistics.median(column) for column in zip(*times[model][1:]))
        worst = max(worst, answers)
        beside = max(beside, statistics.median(
            turn[0] - libraries for turn, libraries in zip(times[model][1:], alone[1:])))
        print(f"{model}: answers after {answers:.3f} s, loaded after {loaded:.3f} s, "
              f"first train round done after {trained:.3f} s")
    print(f"the daemon adds {1e3 * beside:.0f} ms to its libraries before it answers")
    print(f"medians of {arguments.turns} turns; target: answers within {TARGET_S} s")
    return 0 if worst <= TARGET_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
