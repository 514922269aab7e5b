"""The reference models written in PyTorch, against ours: same file format, start, logits and SGD.

usage: interop_test.py TOOL MODEL CxHxW CLASSES
Exits with 77 ("skipped") if Python has no torch.
"""

import json
import math
import os
import struct
import subprocess
import sys
import tempfile

SKIPPED = 77

try:
    import numpy as np
    import torch
    from torch import nn
    import torch.nn.functional as F
except ImportError as error:
    print(f"skipped: {error}; install python3-torch and python3-numpy to run this test")
    sys.exit(SKIPPED)

# interop_tool.cc knows these numbers too.
SEED = 42
STEPS = 5
SGD = dict(lr=0.02, momentum=0.9, weight_decay=0.01)
HIDDEN = [32, 16]
TOLERANCE = 1e-5
# Of parameters after several steps, each of which magnifies the last bits of the one before;
# convolutions by Winograd's algorithm round otherwise than PyTorch's.
TRAINED_TOLERANCE = 5e-5


class GnLeNet(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        channels, height, width = shape
        self.conv1 = nn.Conv2d(channels, 32, 5, padding=2)
        self.norm1 = nn.GroupNorm(2, 32)
        self.conv2 = nn.Conv2d(32, 32, 5, padding=2)
        self.norm2 = nn.GroupNorm(2, 32)
        self.conv3 = nn.Conv2d(32, 64, 5, padding=2)
        self.norm3 = nn.GroupNorm(2, 64)
        self.fc = nn.Linear(64 * (height // 8) * (width // 8), classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        x = F.max_pool2d(F.relu(self.norm3(self.conv3(x))), 2)
        return self.fc(torch.flatten(x, 1))


class FemnistCnn(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        channels, height, width = shape
        self.conv1 = nn.Conv2d(channels, 32, 5, padding=2)
        self.conv2 = nn.Conv2d(32, 64, 5, padding=2)
        self.fc1 = nn.Linear(64 * (height // 4) * (width // 4), 512)
        self.fc2 = nn.Linear(512, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(torch.flatten(x, 1))))


class LeNet5(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        channels, height, width = shape
        padding = 2 if min(height, width) < 32 else 0
        side = lambda n: ((n + 2 * padding - 4) // 2 - 4) // 2
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=padding)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * side(height) * side(width), 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc3(F.relu(self.fc2(x)))


class Mlp(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        widths = [math.prod(shape), *HIDDEN, classes]
        self.count = len(widths) - 1
        for i in range(self.count):
            self.add_module(f"fc{i + 1}", nn.Linear(widths[i], widths[i + 1]))

    def forward(self, x):
        x = torch.flatten(x, 1)
        for i in range(self.count):
            x = getattr(self, f"fc{i + 1}")(x)
            if i + 1 < self.count:
                x = F.relu(x)
        return x


MODELS = {"gn-lenet": GnLeNet, "femnist-cnn": FemnistCnn, "lenet5": LeNet5, "mlp": Mlp}


def read_safetensors(path):
    """Metadata and {name: tensor} of a safetensors file, parsed by the format's description."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    data = content[8 + length :]
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", entry
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return metadata, tensors


def write_safetensors(path, tensors):
    """In alphabetical order, as the safetensors library does it, and not in the model's."""
    header, data = {}, b""
    for name in sorted(tensors):
        values = tensors[name].detach().numpy().astype("<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensors[name].shape),
            "data_offsets": [len(data), len(data) + len(values)],
        }
        data += values
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def check_close(what, ours, theirs, tolerance=TOLERANCE):
    difference = (ours - theirs).abs().max().item()
    print(f"{what}: largest difference {difference:.3g}")
    assert difference <= tolerance, f"{what} differ by {difference}, more than {tolerance}"


def main(tool, model_name, shape_text, classes_text):
    torch.set_num_threads(1)
    shape = [int(n) for n in shape_text.split("x")]
    torch.manual_seed(SEED)
    model = MODELS[model_name](shape, int(classes_text))
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        arguments = [model_name, shape_text, classes_text, folder]
        subprocess.run([tool, "export", *arguments], check=True)
        images = torch.from_numpy(np.fromfile(path("images.f32"), "<f4").reshape(-1, *shape))
        labels = torch.from_numpy(np.fromfile(path("labels.u8"), np.uint8).astype(np.int64))
        logits = torch.from_numpy(np.fromfile(path("logits.f32"), "<f4").reshape(len(labels), -1))

        metadata, initial = read_safetensors(path("initial.safetensors"))
        assert metadata["round"] == "0" and metadata["run_id"] == "interop", metadata
        assert list(initial) == list(model.state_dict()), "tensors differ in name or order"
        for name, tensor in model.state_dict().items():
            check_close(f"x(0) of {name} and torch.manual_seed({SEED})", initial[name], tensor)

        model.load_state_dict(initial)
        with torch.no_grad():
            check_close("logits", logits, model(images))

        optimizer = torch.optim.SGD(model.parameters(), **SGD)
        for _ in range(STEPS):
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        _, trained = read_safetensors(path("trained.safetensors"))
        moved = 0.0
        for name, tensor in model.state_dict().items():
            check_close(f"{name} after {STEPS} steps", trained[name], tensor, TRAINED_TOLERANCE)
            moved = max(moved, (tensor - initial[name]).abs().max().item())
        assert moved > 100 * TOLERANCE, f"SGD moved the model by only {moved}"

        write_safetensors(path("foreign.safetensors"), model.state_dict())
        output = subprocess.run(
            [tool, "evaluate", *arguments], check=True, capture_output=True, text=True
        ).stdout
        loss, accuracy = (float(word) for word in output.split())
        with torch.no_grad():
            output = model(images)
            expected = F.cross_entropy(output, labels).item()
            expected_accuracy = (output.argmax(1) == labels).float().mean().item()
        assert abs(loss - expected) <= TOLERANCE, (loss, expected)
        assert abs(accuracy - expected_accuracy) < 1e-6, (accuracy, expected_accuracy)
        print(f"a file written by Python: loss {loss:.6f}, as PyTorch says")


if __name__ == "__main__":
    main(*sys.argv[1:])
