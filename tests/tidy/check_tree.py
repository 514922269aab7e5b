#!/usr/bin/env python3
"""Checks of the source tree that no compiler makes.

    check_tree.py CHECK [--root DIR]

CHECK is one of:
  includes   which room may include what: dependencies run one way, heavy libraries stay in theirs
  sizes      files of at most 450 lines (a warning above 400), functions of at most 80 (60)
  words      no notes to self left in the tree
  format     clang-format changes nothing
  self       the checks above find what they are there to find

Exit status: 0 clean, 1 findings, 77 skipped (what the check needs is not installed).
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
CODE = (".h", ".cc")
# The formatter of Debian 12. Others format some constructs differently.
CLANG_FORMAT_MAJOR = 14

FILE_LINES_WARN, FILE_LINES_FAIL = 400, 450
FUNCTION_LINES_WARN, FUNCTION_LINES_FAIL = 60, 80

# Who may include whom; each may include itself. "proto" is generated code, and how the values of its
# enums are called.
BASE = {"base", "model", "core", "ports"}
ROOMS = {
    "proto": set(),
    "lib/base": set(),
    "lib/model": {"base"},
    "lib/core": {"base", "model"},
    "lib/ports": {"base", "model", "core"},
    "lib/wire": BASE | {"proto"},
    "lib/transport": BASE | {"wire"},
    "lib/discovery": BASE | {"wire"},
    "lib/data": {"base"},
    "lib/learn/ops": {"base"},
    "lib/learn": BASE | {"data", "learn/ops"},
    "lib/energy": BASE,
    "lib/store": BASE,
    "lib/runtime": BASE,
    "lib/sim": BASE | {"runtime"},
    "daemon/config": {"base", "model", "core", "data", "energy"},
    "daemon/logging": {"base", "daemon/config"},
    # Its tool must start at once: neither torch nor the rooms behind the daemon.
    "ctl": {"base", "model", "core", "data", "proto", "daemon/config"},
    # What others may read of a daemon, from the answers of its control service.
    "daemon/metrics": {"base", "proto"},
    # What is trained, for the daemon and for skiptrain-sim, a program of its own.
    "daemon/workload": {"base", "model", "data", "energy", "learn", "store", "daemon/config"},
    "ctl/sim": BASE | {"data", "energy", "learn", "store", "sim", "ctl", "daemon/config",
                       "daemon/workload"},
    "daemon": BASE | {"wire", "transport", "discovery", "data", "learn", "energy", "store",
                      "runtime", "proto", "daemon/config", "daemon/logging", "daemon/metrics",
                      "daemon/workload"},
}

# (what, pattern of the included name, where it may stand)
HEAVY = [
    ("torch", r"(torch|ATen|c10)/", r"lib/learn/(ops/)?\w+\.cc$|tests/(unit/learn|integration|bench)/"),
    ("gRPC", r"(grpc|grpcpp)/|.*\.grpc\.pb\.h$",
     r"lib/transport/|daemon/control_\w+\.(h|cc)$|ctl/"
     r"|tests/(unit/(transport|daemon|ctl)|integration|bench|fuzz)/"),
    ("protobuf", r"google/protobuf/|.*\.pb\.h$",
     r"proto/|lib/(wire|transport)/|daemon/|ctl/"
     r"|tests/(unit/(wire|transport|daemon|ctl)|integration|bench|fuzz)/"),
    ("an HTTP server or Prometheus", r"(httplib\.h|prometheus/.*)$", r"daemon/metrics/\w+\.cc$|tests/"),
    ("Asio", r"asio(/|\.hpp)", r"lib/(discovery|runtime)/|daemon/|tests/"),
    ("a thread, clock, file, socket, log or stream",
     r"(thread|mutex|shared_mutex|condition_variable|future|atomic|fstream|iostream|filesystem|"
     r"unistd\.h|fcntl\.h|sys/.*|spdlog/.*|nlohmann/.*)$", r"(?!lib/core/)"),
    ("a file, socket, log or stream",
     r"(fstream|iostream|filesystem|unistd\.h|fcntl\.h|sys/.*|spdlog/.*|nlohmann/.*)$",
     r"(?!lib/(base|model|ports)/)"),
]

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def tracked_files(root):
    """Paths below root, of git's index; of the folders themselves where there is no git."""
    git = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=False)
    if git.returncode == 0 and git.stdout:
        names = git.stdout.decode().split("\0")
        return sorted(n for n in names if n and os.path.isfile(os.path.join(root, n)))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in ("build", ".git", ".ci")]
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(found)


def read_lines(root, name):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def room_of(path):
    """The room a file lies in, or None if it is in none (tests)."""
    return next((r for r in sorted(ROOMS, key=len, reverse=True) if path.startswith(r + "/")), None)


def room_of_include(name):
    """The room that an #include "..." names, as ROOMS' values spell it."""
    if name.endswith(".pb.h"):
        return "proto"
    if name.startswith(("daemon/", "ctl/", "tests/")):
        return room_of(name) or "tests"
    room = room_of("lib/" + name)
    return own_name(room) if room else name.split("/")[0]


def own_name(room):
    return room[len("lib/"):] if room.startswith("lib/") else room


def check_includes(root, files):
    findings = []
    for path in (f for f in files if f.endswith(CODE)):
        room = room_of(path)
        seen = set()
        for number, line in enumerate(read_lines(root, path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, name = match.groups()
            for what, pattern, where in HEAVY:
                if re.match(pattern, name):
                    seen.add(what)
                    if not re.match(where, path):
                        findings.append(f"{path}:{number}: includes {name}: {what} has no place "
                                        f"in this folder")
            if quote == '"' and room:
                target = room_of_include(name)
                if target != own_name(room) and target not in ROOMS[room]:
                    allowed = ", ".join(sorted(ROOMS[room])) or "nothing else"
                    findings.append(f"{path}:{number}: includes {name}: {room} may include "
                                    f"itself and {allowed}")
        if {"torch", "gRPC"} <= seen:
            findings.append(f"{path}:1: includes both torch and gRPC, whose macros clash")
    return findings, []


def functions(lines):
    """(first line, number of lines) of each function, told by clang-format's indentation: it
    begins with a line at column 0, or 2 within a class, and ends with a brace in that column."""
    open_at = {}
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip(" "))
        if indent not in (0, 2):
            continue
        text = line.strip()
        if text == "}" and indent in open_at:
            start = open_at.pop(indent)
            yield start, number - start + 1
        elif text and text[0] not in "}#/):" and not re.match(
                r"(namespace|struct|class|enum|union|extern|public|private|protected)\b", text):
            open_at.setdefault(indent, number)
            if text.endswith(";") or text.endswith("}"):
                open_at.pop(indent)


def check_sizes(root, files):
    findings, warnings = [], []

    def judge(count, limits, message):
        if count > limits[1]:
            findings.append(message + f"; at most {limits[1]}")
        elif count > limits[0]:
            warnings.append(message + f"; better at most {limits[0]}")

    for path in (f for f in files if f.endswith(CODE)):
        lines = read_lines(root, path)
        judge(len(lines), (FILE_LINES_WARN, FILE_LINES_FAIL), f"{path}:1: {len(lines)} lines")
        if path.startswith("tests/"):
            continue
        for start, count in functions(lines):
            judge(count, (FUNCTION_LINES_WARN, FUNCTION_LINES_FAIL),
                  f"{path}:{start}: a function of {count} lines")
    return findings, warnings


def check_words(root, files):
    # Put together here, so that this file passes its own check.
    words = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
    findings = []
    for path in files:
        if path.endswith((".gz", ".png", ".bin")) or path == "LICENSE":
            continue
        for number, line in enumerate(read_lines(root, path), 1):
            if words.search(line):
                findings.append(f"{path}:{number}: {line.strip()[:80]}: do it, or open an issue")
    return findings, []


def check_format(root, files):
    tool = shutil.which(f"clang-format-{CLANG_FORMAT_MAJOR}") or shutil.which("clang-format")
    if tool is None:
        print(f"skipped: clang-format {CLANG_FORMAT_MAJOR} is not installed")
        sys.exit(SKIPPED)
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"version (\d+)\.", version)
    if not match or int(match.group(1)) != CLANG_FORMAT_MAJOR:
        print(f"skipped: needs clang-format {CLANG_FORMAT_MAJOR} (Debian 12), this is: {version}")
        sys.exit(SKIPPED)
    code = [f for f in files if f.endswith(CODE)]
    run = subprocess.run([tool, "--dry-run", "--Werror", "--ferror-limit=1", *code], cwd=root,
                         capture_output=True, text=True, check=False)
    bad = sorted({line.split(":")[0] for line in run.stderr.splitlines() if ": error:" in line})
    if run.returncode != 0 and not bad:
        bad = [run.stderr.strip() or "clang-format failed"]
    return [f"{name}: run clang-format -i on it" for name in bad], []


def check_self(_root, _files):
    """Each check must find the fault planted for it."""
    long_function = "void f() {\n" + "  g();\n" * FUNCTION_LINES_FAIL + "}\n"
    planted = {
        "lib/core/node.cc": ("includes", "#include <thread>\n"),
        "lib/core/clock.cc": ("includes", '#include "transport/stream.h"\n'),
        "lib/model/a.cc": ("includes", '#include "core/node.h"\n'),
        "lib/learn/a.h": ("includes", "#include <torch/torch.h>\n"),
        "lib/data/a.cc": ("includes", "#include <torch/torch.h>\n"),
        "lib/wire/a.cc": ("includes", "#include <grpcpp/grpcpp.h>\n"),
        "lib/store/a.cc": ("includes", "#include <asio.hpp>\n"),
        "ctl/a.cc": ("includes", '#include "learn/trainer.h"\n'),
        "ctl/b.cc": ("includes", '#include "daemon/assemble.h"\n'),
        "tests/bench/a.cc": ("includes", "#include <torch/torch.h>\n#include <grpcpp/grpcpp.h>\n"),
        "lib/base/long.cc": ("sizes", "int a;\n" * (FILE_LINES_FAIL + 1)),
        "lib/base/function.cc": ("sizes", "namespace a {\n" + long_function + "}\n"),
        "lib/base/method.h": ("sizes", "struct A {\n" + "".join(
            "  " + line + "\n" for line in long_function.splitlines()) + "};\n"),
        "README.md": ("words", "TO" + "DO: finish\n"),
    }
    clean = {
        "lib/core/good.cc": '#include "core/good.h"\n\n#include <vector>\n\n'
                            '#include "base/error.h"\n\nvoid f() {\n  g();\n}\n',
        "ctl/good.cc": '#include <grpcpp/grpcpp.h>\n\n#include "daemon/config/config.h"\n',
    }
    findings = []
    with tempfile.TemporaryDirectory() as root:
        for name, text in [(n, t) for n, (_, t) in planted.items()] + list(clean.items()):
            os.makedirs(os.path.join(root, os.path.dirname(name)), exist_ok=True)
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                file.write(text)
        found = {check: CHECKS[check](root, sorted(planted) + sorted(clean))[0]
                 for check in ("includes", "sizes", "words")}
    for name, (check, _) in planted.items():
        if not any(f.startswith(name + ":") for f in found[check]):
            findings.append(f"the fault in {name} was not found by {check}")
    for check, messages in found.items():
        findings += [f"{check} complains of nothing: {m}" for m in messages
                     if m.split(":")[0] in clean]
    return findings, []


CHECKS = {"includes": check_includes, "sizes": check_sizes, "words": check_words,
          "format": check_format, "self": check_self}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), "..", ".."))
    arguments = parser.parse_args()
    root = os.path.realpath(arguments.root)
    files = tracked_files(root)
    if not files:
        sys.exit(f"{root}: no files to check")
    findings, warnings = CHECKS[arguments.check](root, files)
    for message in warnings:
        print("warning:", message)
    for message in findings:
        print(message)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
