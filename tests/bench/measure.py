# SPDX-License-Identifier: Apache-2.0
"""What bench.py measures with: mounts, runs of readers and commands, lines."""

import os
import statistics
import subprocess
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
TOP = os.path.abspath(os.environ.get("BENCH_DIR", f"{BUILD}/bench"))
RUNS = 5
READER = f"{BUILD}/tests/reader"
MNT = f"{TOP}/mnt"

rows = []


def say(text):
    print(text, flush=True)
    rows.append(text)


def line(what, value, ratio=None, peer="", target=None):
    """One row: a value, and what it is of the peer's."""
    if ratio is None:
        say(f"{what:64} {value:>12}")
        return
    good = target is None or (ratio >= target[1] if target[0] == ">="
                              else ratio <= target[1])
    goal = f" ({target[0]} {target[1]}{'' if good else ', short'})" \
        if target else ""
    say(f"{what:64} {value:>12}  {ratio:5.2f} x {peer}{goal}")


def rate(seconds, nbytes):
    return f"{nbytes / seconds / 1e9:.2f} GB/s"


def run(*args, **more):
    return subprocess.run(args, check=True, capture_output=True, text=True,
                          **more).stdout


# ---- filesystems

def mounted(path):
    return subprocess.run(["mountpoint", "-q", path]).returncode == 0


class Mounted:
    """A filesystem at MNT while the block runs; .pid is its process."""

    def __init__(self, *command, foreground=False, at=MNT):
        self.command, self.foreground, self.at = command, foreground, at

    def __enter__(self):
        os.makedirs(self.at, exist_ok=True)
        self.child = None
        if self.foreground:
            self.child = subprocess.Popen(self.command)
            for _ in range(200):
                if mounted(self.at):
                    break
                time.sleep(0.02)
        else:
            run(*self.command)
        self.pid = self.child.pid if self.child else serving(self.at)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.at], check=True)
        if self.child:
            self.child.wait()
        else:
            while serving(self.at):
                time.sleep(0.01)


def serving(at):
    """The process whose command line names the mount point; no keeper."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
                words = f.read().split("\0")
            with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                comm = f.read().strip()
        except OSError:
            continue
        if at in words and "keeper" not in comm and comm != "umount":
            return int(pid)
    return 0


def view(source, *args):
    return Mounted(f"{BUILD}/wconvfs", *args, source, MNT)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid, field="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        for text in f:
            if text.startswith(field):
                return int(text.split()[1]) * 1024
    return 0


# ---- reading

def read(way, *files):
    """(seconds, bytes) of one run of the reader."""
    seconds, nbytes = run(READER, way, *files).split()
    return float(seconds), int(nbytes)


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="utf-8") as f:
        f.write("3")


def warm(paths):
    read("seq", *paths)


class Runs:
    """What runs of a function gave that returns seconds, bytes, CPU seconds."""

    def __init__(self, once):
        self.once, self.results = once, []

    def median(self, i):
        return statistics.median(r[i] for r in self.results)

    @property
    def seconds(self):
        return self.median(0)

    @property
    def nbytes(self):
        return self.results[0][1]

    @property
    def rate(self):
        return self.nbytes / self.seconds

    @property
    def cpu(self):
        """Of the serving process, seconds a GB."""
        return self.median(2) / (self.nbytes / 1e9)

    @property
    def text(self):
        return rate(self.seconds, self.nbytes)


def in_turn(*all_runs):
    """RUNS of each: what else the machine does meanwhile falls on all alike."""
    for _ in range(RUNS):
        for runs in all_runs:
            runs.results.append(runs.once())


def reading(mount, way, files, before=lambda: None, again=False):
    """Runs of a reader of files, each in a mount of its own."""
    def once():
        before()
        with mount as m:
            paths = files()
            if again:
                read("seq", *paths)
            cpu = cpu_seconds(m.pid)
            return *read(way, *paths), cpu_seconds(m.pid) - cpu
    return Runs(once)


def reading_source(paths, before):
    """Runs of a reader of the files themselves."""
    def once():
        before()
        return *read("seq", *paths), 0
    return Runs(once)


def running(command, nbytes, clean):
    """Runs of a shell command that moves nbytes; clean is removed after it."""
    def once():
        start = time.monotonic()
        run("sh", "-c", command)
        seconds = time.monotonic() - start
        run("rm", "-rf", clean)
        return seconds, nbytes, 0
    return Runs(once)


def running_on(mount, files, command):
    """Runs of a shell command on FILES of a fresh mount."""
    def once():
        with mount:
            paths = files()
            start = time.monotonic()
            run("sh", "-c", command.replace("FILES", " ".join(paths)))
            return (time.monotonic() - start,
                    sum(os.path.getsize(p) for p in paths), 0)
    return Runs(once)
