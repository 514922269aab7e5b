#!/usr/bin/env python3
"""A manual page from what a program says of itself: PROGRAM --help, and COMMAND --help of each of
its commands, as CLI11 formats them.

    manual.py PROGRAM SECTION --version V --extra FILE --output FILE.gz

The extra file has the rest in man(7)'s language: a first line for NAME, then whole sections. What
is not understood in a help text is an error, so that a page is complete or not made.
"""
import argparse
import gzip
import os
import re
import subprocess
import sys

# A command that hands its arguments to another program, which has a page of its own.
ELSEWHERE = {("skipctl", "sim"): "skiptrain-sim(1)"}
TITLES = {"1": "User Commands", "8": "System Administration"}
# "TEXT:{table,json}=table REQUIRED ...": type, what is allowed, default, the rest.
VALUE = re.compile(r"(?P<type>[A-Z]+)(?P<check>:\{[^}]*\}|:[^\s=]+)?(?P<default>=\S+)?(?P<rest>.*)")


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


class Help:
    """One help text: what it is for, its usage, entries (name, text) by heading, and closing words."""

    def __init__(self, text):
        self.about, self.usage, self.headings, self.closing = [], "", {}, []
        entries = None
        for line in text.rstrip().split("\n"):
            heading = re.fullmatch(r"([A-Z][\w ]*):", line)
            if line.startswith("Usage: "):
                self.usage = line[len("Usage: "):]
            elif heading:
                entries = self.headings.setdefault(heading[1], [])
            elif not self.usage:
                self.about.append(line)
            elif re.match(r" {2}\S", line) and entries is not None and not self.closing:
                name, _, what = re.sub(r" {2,}", "\0", line[2:], count=1).partition("\0")
                entries.append([name.strip(), what.strip()])
            elif re.match(r" {3,}\S", line) and entries and not self.closing:
                entries[-1][1] = (entries[-1][1] + " " + line.strip()).strip()
            elif line and not line.startswith(" "):
                self.closing.append(line)
            elif line:
                sys.exit(f"manual.py: cannot make sense of this line of a help text: {line!r}")
        if not self.usage or not self.headings:
            sys.exit(f"manual.py: no usage or no options in a help text: {text[:200]!r}")


def ask(program, words):
    answer = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        sys.exit(f"manual.py: {program} {' '.join(words)} --help failed: {answer.stderr}")
    return Help(answer.stdout)


def entry(name, what):
    """An option or argument, with its value in italics, and its default as words."""
    flags, _, value = name.partition(" ")
    tag = ", ".join(f"\\fB{escape(flag)}\\fR" for flag in flags.split(","))
    match = VALUE.fullmatch(value)
    if match:
        tag += f" \\fI{match['type']}\\fR{escape(match['rest'])}"
        check, default = match["check"] or "", match["default"] or ""
        if check.startswith(":{") and check[2:-1].split(",")[0] not in what:
            what += f" ({check[2:-1].replace(',', ', ')})"
        if default:
            what += f" (default: {default[1:]})"
    elif value:
        tag += " " + escape(value)
    return f".TP\n{tag}\n{escape(what) or chr(92) + '&'}\n"


def options(text):
    """Arguments and options, without the one that every command has."""
    rest = [e for heading, entries in text.headings.items() if heading != "Subcommands"
            for e in entries if not e[0].startswith("-h,")]
    return "".join(entry(*e) for e in rest)


def commands(program, words, text, name):
    """A paragraph for each command below `words`, deepest last."""
    page = ""
    for command, what in text.headings.get("Subcommands", []):
        path = [*words, command]
        if (name, command) in ELSEWHERE:
            page += f".SS \"{escape(' '.join([name, *path]))}\"\n{escape(what)} Its options are those of " \
                    f"{escape(ELSEWHERE[name, command])}.\n"
            continue
        below = ask(program, path)
        usage = below.usage.replace("[OPTIONS]", "[OPTION]...")
        page += f".SS \"{escape(usage)}\"\n{escape(' '.join(below.about))}.\n{options(below)}"
        page += commands(program, path, below, name)
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("section", choices=sorted(TITLES))
    for flag in ("--version", "--extra", "--output"):
        parser.add_argument(flag, required=True)
    args = parser.parse_args()
    name = os.path.basename(args.program)
    with open(args.extra, encoding="utf-8") as file:
        what, _, extra = file.read().partition("\n")
    text = ask(os.path.abspath(args.program), [])
    page = (f".TH {name.upper()} {args.section} \"\" \"SkipTrain {args.version}\" \"{TITLES[args.section]}\"\n"
            f".SH NAME\n{escape(name)} \\- {what}\n.SH SYNOPSIS\n.B {escape(name)}\n"
            f"{escape(text.usage.split(' [', 1)[1].join(['[', '']))}\n"
            f".SH DESCRIPTION\n{escape(' '.join(text.about))}\n.SH OPTIONS\n{options(text)}")
    if "Subcommands" in text.headings:
        page += ".SH COMMANDS\n" + commands(os.path.abspath(args.program), [], text, name)
    page += extra
    # No time and no name in it: the same bytes each time.
    with open(args.output, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
        packed.write(page.encode())


if __name__ == "__main__":
    main()
