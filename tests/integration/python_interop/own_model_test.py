"""A model written in Python, trained by daemons, and read back by Python.

    own_model_test.py SKIPTRAIND SKIPCTL CASE

CASE is one of
  one-step  a convolutional net with batch norm, one daemon: after three steps of SGD on its whole
            share, parameters, statistics and outputs are those of PyTorch doing the same
  resnet    a ResNet-18 of few channels, exported by torch.jit.script; four daemons train it on
            CIFAR-10 files; each one's model is exported as safetensors and as TorchScript, and in
            Python both give the same outputs, which tell the classes apart
  traced    the same convolutional net by torch.jit.trace, and a loss of its own, by script

Exit status 77: PyTorch is not installed for this Python.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

TOLERANCE = 1e-5
MEAN, STD = 0.5, 0.25
CLASSES = 10


class SmallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 16 * 16, CLASSES)

    def forward(self, x):
        return self.fc(torch.flatten(F.relu(self.bn(self.conv(x))), 1))


class OwnLoss(nn.Module):
    """Says its loss itself, and drops half of what it sees in training."""

    def __init__(self):
        super().__init__()
        self.net = SmallNet()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x, targets):
        outputs = self.net(self.dropout(x))
        return F.cross_entropy(outputs, targets), outputs


class Block(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet18(nn.Module):
    """He et al. 2016 in its form for 32x32 images, with `width` channels in place of 64."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        layers, channels_in = [], width
        for stage in range(4):
            channels = width << stage
            layers.append(Block(channels_in, channels, 1 if stage == 0 else 2))
            layers.append(Block(channels, channels, 1))
            channels_in = channels
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(channels_in, CLASSES)

    def forward(self, x):
        x = self.layers(F.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def write_cifar(folder, per_file):
    """CIFAR-10 files whose classes are bands of brightness; the pixels and labels of both sets."""
    random = np.random.default_rng(1)
    os.makedirs(folder)

    def write(name):
        labels = np.arange(per_file, dtype=np.uint8) % CLASSES
        pixels = random.integers(0, 80, (per_file, 3, 32, 32), dtype=np.uint8)
        for i, label in enumerate(labels):
            pixels[i, :, 3 * label : 3 * label + 3, :] += 150
        rows = np.concatenate([labels[:, None], pixels.reshape(per_file, -1)], axis=1)
        rows.tofile(os.path.join(folder, name))
        return pixels, labels

    batches = [write(f"data_batch_{i}.bin") for i in range(1, 6)]
    train = tuple(np.concatenate(parts) for parts in zip(*batches))
    return train, write("test_batch.bin")


def tensors_of(pixels, labels):
    images = (torch.from_numpy(pixels).float() / 255 - MEAN) / STD
    return images, torch.from_numpy(labels.astype(np.int64))


def read_safetensors(path):
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors


def check_close(what, ours, theirs):
    difference = (ours - theirs).abs().max().item()
    print(f"{what}: largest difference {difference:.3g}")
    assert difference <= TOLERANCE, f"{what} differ by {difference}, more than {TOLERANCE}"


class Testbed:
    def __init__(self, skiptraind, skipctl, folder):
        self.skiptraind, self.skipctl, self.folder = skiptraind, skipctl, folder
        self.bed, self.runs = None, 0

    def run(self, model, nodes, *flags):
        """Daemons that train `model` and stay; the summary of the run."""
        self.runs += 1
        self.bed = os.path.join(self.folder, f"bed-{self.runs}")
        command = [self.skipctl, "-o", "json", "testbed", "run", "--dir", self.bed, "--keep"]
        command += ["--skiptraind", self.skiptraind, "--nodes", str(nodes), "--model", model]
        command += ["--dataset", os.path.join(self.folder, "cifar"), "--partition", "iid"]
        command += ["--set", f"data.mean={MEAN}", "--set", f"data.std={STD}", *flags]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ask(self, node, *words):
        socket = os.path.join(self.bed, f"node-{node}", "control.sock")
        done = subprocess.run(
            [self.skipctl, "-o", "json", "-e", socket, *words], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def export(self, node, form):
        path = os.path.join(self.folder, f"{os.path.basename(self.bed)}-{node}.{form}")
        self.ask(node, "model", "export", "--format", form, path)
        return path

    def down(self):
        if self.bed:
            subprocess.run([self.skipctl, "testbed", "down", "--dir", self.bed], check=True)
            self.bed = None


def load_both(model, testbed, node):
    """The node's model in Python: by safetensors into `model`, and as TorchScript. Both evaluate."""
    state = read_safetensors(testbed.export(node, "safetensors"))
    left = model.load_state_dict(state, strict=False)
    assert not left.unexpected_keys, left
    # Counters of batches are not exchanged.
    assert all(name.endswith("num_batches_tracked") for name in left.missing_keys), left
    script = torch.jit.load(testbed.export(node, "torchscript"))
    assert list(script.state_dict()) == list(model.state_dict())
    for name, tensor in state.items():
        assert torch.equal(script.state_dict()[name], tensor), name
    return model.eval(), script.eval()


def reference_steps(model, images, labels, steps, lr):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()


def whole_share(images):
    return ["--rounds", "1", "--policy", "dpsgd", "--topology", "ring", "--local-steps", "3",
            "--lr", "0.02", "--batch-size", str(len(images))]


def one_step(testbed, script):
    train, test = write_cifar(os.path.join(testbed.folder, "cifar"), 16)
    images, labels = tensors_of(*train)
    torch.manual_seed(5)
    model = SmallNet()
    path = os.path.join(testbed.folder, "small.pt")
    script(model.train(), images[:2]).save(path)
    testbed.run(path, 1, *whole_share(images))
    before = model.fc.weight.detach().clone()
    reference_steps(model, images, labels, 3, 0.02)
    assert (model.fc.weight - before).abs().max() > 100 * TOLERANCE, "SGD moved hardly anything"
    own, exported = load_both(SmallNet(), testbed, 0)
    for name, tensor in model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            check_close(name, own.state_dict()[name], tensor)
    inputs, _ = tensors_of(*test)
    with torch.no_grad():
        expected = model.eval()(inputs)
        check_close("outputs by safetensors", own(inputs), expected)
        # What was traced in training normalises by the batch in evaluation, too.
        if script is not torch.jit.trace:
            check_close("outputs of the TorchScript export", exported(inputs), expected)


def by_script(model, _):
    return torch.jit.script(model)


def own_loss(testbed):
    """Dropout in a model with a loss of its own: two runs of one seed agree to the bit."""
    torch.manual_seed(6)
    path = os.path.join(testbed.folder, "loss.pt")
    torch.jit.script(OwnLoss()).save(path)
    flags = ["--rounds", "4", "--topology", "complete", "--local-steps", "3", "--batch-size", "8",
             "--set", "train.loss=model", "--set", "model.frozen=[\"net.conv.*\"]"]
    states = []
    for _ in range(2):
        summary = testbed.run(path, 2, *flags)
        assert summary["test_accuracy"]["mean"] > 0, summary
        states.append(read_safetensors(testbed.export(0, "safetensors")))
        testbed.down()
    start = torch.jit.load(path).state_dict()
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name
        assert torch.equal(tensor, start[name]) == name.startswith("net.conv."), name


def resnet(testbed):
    _, test = write_cifar(os.path.join(testbed.folder, "cifar"), 64)
    torch.manual_seed(7)
    path = os.path.join(testbed.folder, "resnet18.pt")
    torch.jit.script(ResNet18(width=8)).save(path)
    summary = testbed.run(
        path, 4, "--rounds", "30", "--train", "3", "--sync", "2", "--topology", "complete",
        "--local-steps", "4", "--batch-size", "16", "--lr", "0.05")
    print(json.dumps(summary))
    inputs, labels = tensors_of(*test)
    for node in range(4):
        own, exported = load_both(ResNet18(width=8), testbed, node)
        with torch.no_grad():
            outputs = own(inputs)
            check_close(f"node {node}: safetensors and TorchScript", exported(inputs), outputs)
        evaluated = testbed.ask(node, "eval")
        loss = F.cross_entropy(outputs, labels).item()
        accuracy = (outputs.argmax(1) == labels).float().mean().item()
        print(f"node {node}: loss {loss:.4f}, accuracy {accuracy:.3f}; says {evaluated}")
        assert abs(evaluated["loss"] - loss) <= 1e-4 and evaluated["accuracy"] == accuracy
        assert accuracy > 0.5, "it has learned nothing"


def main(skiptraind, skipctl, case):
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        testbed = Testbed(skiptraind, skipctl, folder)
        try:
            if case == "resnet":
                resnet(testbed)
            elif case == "one-step":
                one_step(testbed, by_script)
            else:
                one_step(testbed, torch.jit.trace)
                testbed.down()
                own_loss(testbed)
        finally:
            testbed.down()


if __name__ == "__main__":
    main(*sys.argv[1:])
