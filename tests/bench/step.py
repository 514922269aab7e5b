#!/usr/bin/env python3
"""Measures the training step beside PyTorch eager, in the same run, in turns.

    tests/bench/step.py [BUILD_DIR] [--turns N] [--core C]     (default build/release, 15, the last)

This process runs PyTorch and `step_bench` (a process that it keeps alive) runs ours, both pinned to
one core, one thread each, and only one of them works at a time: A B A B. PyTorch is given a
prepared minibatch and times the forward pass, the loss, the backward pass, SGD and reading the
loss; ours is a round of the trainer, so it also draws and gathers its minibatches. Ratios are those
of medians; "of pairs" is the median of the ratios of neighbours in time, with its quartiles.

Then: a mix of seven models of 1.69 million parameters beside memcpy of as many bytes, how long
skiptraind and skipctl take to start, and the memory of the process that did all that.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import torch
from torch import nn

BATCH = {"gn-lenet": 32, "femnist-cnn": 16, "lenet5": 32, "mlp": 32}
# Model, what of ours, steps a turn, and the ratio to reach.
ROWS = [
    ("gn-lenet", "fast", 5, 0.54),
    ("femnist-cnn", "fast", 8, 0.68),
    ("lenet5", "fast", 40, 0.70),
    ("mlp", "fast", 300, 0.70),
    ("gn-lenet", "script", 5, 0.65),
    ("gn-lenet", "evaluate", 10, None),
    ("femnist-cnn", "evaluate", 10, None),
    ("gn-lenet", "off", 5, None),
]
MIXED_MODELS, MIXED_PARAMETERS, MIX_TARGET = 7, 1_690_046, 0.70


class ConvNet(nn.Module):
    """Convolution blocks, then linear layers, as lib/learn/model_spec.h has them."""

    def __init__(self, blocks, linear, groups):
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 5, padding=padding) for before, after, padding in blocks)
        self.norms = nn.ModuleList(
            nn.GroupNorm(groups, after) if groups else nn.Identity() for _, after, _ in blocks)
        self.linear = nn.ModuleList(nn.Linear(before, after)
                                    for before, after in zip(linear, linear[1:]))

    def forward(self, x):
        for convolution, norm in zip(self.convolutions, self.norms):
            x = nn.functional.max_pool2d(nn.functional.relu(norm(convolution(x))), 2)
        x = torch.flatten(x, 1)
        for i, layer in enumerate(self.linear):
            if i > 0:
                x = nn.functional.relu(x)
            x = layer(x)
        return x


def model_of(name):
    if name == "gn-lenet":
        return ConvNet([(1, 32, 2), (32, 32, 2), (32, 64, 2)], [576, 10], 2)
    if name == "femnist-cnn":
        return ConvNet([(1, 32, 2), (32, 64, 2)], [3136, 512, 62], 0)
    if name == "lenet5":
        return ConvNet([(1, 6, 2), (6, 16, 0)], [400, 120, 84, 10], 0)
    return ConvNet([], [784, 128, 10], 0)


class Eager:
    """The step as PyTorch's tutorials write it."""

    def __init__(self, name):
        self.model = model_of(name)
        batch = BATCH[name]
        self.images = torch.rand(batch, 1, 28, 28)
        self.labels = torch.randint(62 if name == "femnist-cnn" else 10, (batch,))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-6)
        # What our evaluations take at once.
        self.evaluated = torch.rand(32, 1, 28, 28)

    def train(self, steps):
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(self.images), self.labels)
            loss.backward()
            self.optimizer.step()
            loss.item()

    def evaluate(self, steps):
        with torch.no_grad():
            for _ in range(steps):
                logits = self.model(self.evaluated)
                nn.functional.cross_entropy(logits, torch.zeros(32, dtype=torch.long)).item()
                (logits.argmax(1) == 0).sum().item()

    def seconds(self, what, steps):
        begin = time.perf_counter()
        (self.evaluate if what.startswith("evaluate") else self.train)(steps)
        return time.perf_counter() - begin


class Ours:
    def __init__(self, binaries):
        self.process = subprocess.Popen([binaries / "step_bench", "serve"], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"step_bench ended when asked for {words}")
        return [float(word) for word in answer.split()]

    def peak_megabytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1e3

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def quartiles(values):
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} [{low:.2f} {high:.2f}]"


def compare_steps(ours, folder, turns):
    print(f"{'model':12} {'ours':9} {'PyTorch ms':>10} {'ours ms':>8} {'ratio':>6} {'target':>7}  "
          f"of pairs")
    for name, what, steps, target in ROWS:
        eager = Eager(name)
        asked = what
        if what == "script":
            asked = f"script:{folder}/{name}.pt"
            torch.jit.script(eager.model).save(f"{folder}/{name}.pt")
        pairs = []
        for turn in range(turns + 2):
            a = eager.seconds(what, steps)
            b, = ours.ask(asked, name, steps)
            if turn >= 2:  # the first ones allocate, and compile scripts
                pairs.append((a * 1e3 / steps, b * 1e3 / steps))
        a, b = (statistics.median(side) for side in zip(*pairs))
        print(f"{name:12} {what:9} {a:10.3f} {b:8.3f} {b / a:6.2f} "
              f"{'' if target is None else f'{target:7.2f}':7}  "
              f"{quartiles([b / a for a, b in pairs])}", flush=True)


def compare_mix(ours, turns):
    times = [ours.ask("mix", MIXED_MODELS, MIXED_PARAMETERS) for _ in range(turns + 1)][1:]
    mix, copy = (statistics.median(side) for side in zip(*times))
    print(f"\nmix of {MIXED_MODELS} models of {MIXED_PARAMETERS} parameters: {mix * 1e3:.2f} ms; "
          f"memcpy of as many bytes: {copy * 1e3:.2f} ms; bandwidth {copy / mix:.2f} of memcpy's, "
          f"target {MIX_TARGET}")


def start_times(binaries, turns):
    for command in (["skipctl", "version"], ["skiptraind", "--version"]):
        if not (binaries / command[0]).exists():
            print(f"{command[0]}: not built")
            continue
        times = []
        for _ in range(turns):
            begin = time.perf_counter()
            subprocess.run([binaries / command[0], *command[1:]], stdout=subprocess.DEVNULL,
                           check=True)
            times.append((time.perf_counter() - begin) * 1e3)
        print(f"{' '.join(command)}: {statistics.median(times):.1f} ms")


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", type=pathlib.Path, default=root / "build/release")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})  # the child inherits it
    torch.set_num_threads(1)
    torch.manual_seed(1)
    binaries = arguments.build.resolve() / "bin"
    ours = Ours(binaries)
    with tempfile.TemporaryDirectory(prefix="skt-") as folder:
        compare_steps(ours, folder, arguments.turns)
        compare_mix(ours, arguments.turns)
        print(f"memory of step_bench at its peak, all models, data and copies: "
              f"{ours.peak_megabytes():.0f} MB")
        start_times(binaries, arguments.turns)
        ours.end()


if __name__ == "__main__":
    main()
