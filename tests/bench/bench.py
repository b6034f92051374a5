# SPDX-License-Identifier: Apache-2.0
"""make bench: how fast a view is, against peers measured in the same run.

    bench.py [PART...]      all parts, or those named: see PARTS

Each line names what was read, from where and in what state of the caches, the
rate, and its ratio to a peer's. Medians of RUNS. The table goes to standard
output and to BUILD/bench/table.txt. What this machine cannot do is skipped with
the reason. Sizes and places: BENCH_GB (2.2), BENCH_DIR (BUILD/bench).
"""

import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
TOP = os.path.abspath(os.environ.get("BENCH_DIR", f"{BUILD}/bench"))
GB = float(os.environ.get("BENCH_GB", "2.2"))
RUNS = 3
FS, WCONV = f"{BUILD}/wconvfs", f"{BUILD}/wconv"
READER, NULLFS = f"{BUILD}/tests/reader", f"{BUILD}/tests/nullfs"
MAKE_MODEL = f"{BUILD}/tests/make_model"
HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = "/usr/share/doc/libfuse3-dev/examples/passthrough.c"
VENV = f"{BUILD}/conformance-venv/bin/python"
MNT = f"{TOP}/mnt"

SHAPE = ["--hidden=2048", "--intermediate=5632", "--heads=32", "--kv-heads=4",
         "--vocab=32000"]
LAYERS = max(1, round(GB / 2.2 * 22))
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
    return Mounted(FS, *args, source, MNT)


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


class Measured:
    """Median rate of a way to read files of a fresh mount."""

    def __init__(self, mount, way, files, before=lambda: None, again=False):
        results, cpus = [], []
        for _ in range(RUNS):
            before()
            with mount as m:
                paths = files()
                if again:
                    read("seq", *paths)
                cpu = cpu_seconds(m.pid)
                results.append(read(way, *paths))
                cpus.append(cpu_seconds(m.pid) - cpu)
        self.nbytes = results[0][1]
        self.seconds = statistics.median(s for s, _ in results)
        self.rate = self.nbytes / self.seconds
        self.cpu = statistics.median(cpus) / (self.nbytes / 1e9)
        self.text = rate(self.seconds, self.nbytes)


# ---- sources

def model(name, *args):
    """A made model, kept between runs."""
    path = f"{TOP}/{name}"
    if not os.path.exists(f"{path}/config.json"):
        run(MAKE_MODEL, *args, path)
    return path


def llama():
    return model(f"llama-{LAYERS}", f"--layers={LAYERS}", *SHAPE,
                 "--shards=3", "--fill")


def shards(path, suffix=".safetensors"):
    return sorted(f"{path}/{f}" for f in os.listdir(path)
                  if f.endswith(suffix))


def ckpt_source(name, *args):
    """A ckpt of the llama, in a directory of its own, kept between runs."""
    path, source = f"{TOP}/{name}-{LAYERS}", llama()
    if not os.path.exists(f"{path}/config.json"):
        os.makedirs(path, exist_ok=True)
        with open(f"{path}/model.ckpt", "wb") as out:
            subprocess.run([WCONV, "cat", *args, source, "model.ckpt"],
                           stdout=out, check=True)
        shutil.copy(f"{source}/config.json", path)
    return path


def shown(directory, suffix):
    def files():
        top = f"{MNT}/{directory}".rstrip("/")
        return sorted(f"{top}/{f}" for f in os.listdir(top)
                      if f.endswith(suffix))
    return files


def ckpt():
    return [f"{MNT}/model.ckpt"]


SAFE = shown("safetensors", ".safetensors")


class Peers:
    """bindfs and passthrough.c on the source, by way; the better counts."""

    def __init__(self, source, suffix=".safetensors"):
        self.source, self.suffix = source, suffix
        self.mounts = {}
        if shutil.which("bindfs"):
            self.mounts["bindfs"] = (Mounted("bindfs", "-r", source, MNT), "")
        binary = f"{TOP}/passthrough"
        if os.path.exists(EXAMPLE):
            flags = run("pkg-config", "--cflags", "--libs", "fuse3").split()
            run("cc", "-O2", EXAMPLE, "-o", binary, *flags)
            self.mounts["passthrough"] = (
                Mounted(binary, "-o", "ro", MNT), source)
        self.done = {}

    def best(self, way):
        """(name, Measured) of the faster one, or (None, None)."""
        if way not in self.done:
            best = (None, None)
            for name, (mount, under) in self.mounts.items():
                m = Measured(mount, way,
                             lambda u=under: shards(MNT + u, self.suffix))
                if best[1] is None or m.rate > best[1].rate:
                    best = (name, m)
            self.done[way] = best
        return self.done[way]


def against(what, m, peers, way, target):
    name, p = peers.best(way)
    if name:
        line(what, m.text, m.rate / p.rate, f"{name}, {p.text}", target)
    else:
        line(what, m.text)


# ---- the parts

def sequential():
    source = llama()
    warm(shards(source))
    peers = Peers(source)
    m = Measured(view(source), "seq", SAFE)
    what = "safetensors/, renamed only, source cached"
    against(f"{what}: read", m, peers, "seq", (">=", 1.1))
    null = Measured(Mounted(NULLFS, str(m.nbytes), MNT, foreground=True), "seq",
                    lambda: [f"{MNT}/data"])
    line(f"{what}: read", m.text, m.rate / null.rate,
         f"a null filesystem, {null.text}", (">=", 0.75))
    name, p = peers.best("seq")
    if name:
        line(f"{what}: CPU of the daemon a GB", f"{m.cpu:.3f} s",
             m.cpu / max(p.cpu, 1e-9), f"{name}, {p.cpu:.3f} s", ("<=", 1.0))
    mm = Measured(view(source), "mmap", SAFE)
    against(f"{what}: mmap", mm, peers, "mmap", (">=", 1.0))
    # of a file as large as the peers': so much of it is cached on the way
    third = os.path.getsize(shards(source)[0]) * 21 // 20
    rnd = Measured(view(source, f"--shard-size={third}"), "random", SAFE)
    against(f"{what}: 4 KiB anywhere", rnd, peers, "random", (">=", 0.9))
    direct = Measured(view(source, "--cache=direct"), "seq", ckpt)
    against("model.ckpt, renamed only, direct I/O, 1 MiB reads", direct, peers,
            "seq", (">=", 1.4))
    page_cache(source)


def page_cache(source):
    again = Measured(view(source), "seq", SAFE, again=True)
    what = "safetensors/, again, from the page cache"
    if not shutil.which("squashfuse_ll") or not shutil.which("mksquashfs"):
        line(what, again.text)
        say("  (squashfuse_ll and mksquashfs are not here to compare)")
        return
    image = f"{TOP}/stored.squashfs"
    if not os.path.exists(image):
        run("mksquashfs", source, image, "-noI", "-noD", "-noF", "-noX",
            "-quiet")
    peer = Measured(Mounted("squashfuse_ll", image, MNT), "seq",
                    lambda: shards(MNT), again=True)
    line(what, again.text, again.rate / peer.rate,
         f"squashfuse_ll, {peer.text}", (">=", 0.9))
    os.unlink(image)


def transforms():
    source = llama()
    warm(shards(source))
    base = Measured(view(source), "seq", SAFE)
    what = "safetensors/, source cached"
    line(f"{what}: renamed only (bf16)", base.text)

    def compare(text, m, goal):
        line(f"{what}: {text}", m.text, m.rate / base.rate, "renamed only",
             (">=", goal))
    compare("qkv and gate/up merged",
            Measured(view(source, "--set=qkv_concat=true"), "seq", SAFE), 0.9)
    compare("bf16 to fp32", Measured(view(source, "--dtype=fp32"), "seq", SAFE),
            0.8)
    compare("bf16 to fp16", Measured(view(source, "--dtype=fp16"), "seq", SAFE),
            0.65)
    compare("transposed", Measured(
        view(source, f"--rules={HERE}/transpose.json"), "seq", SAFE), 0.5)
    compare("stacked and transposed", Measured(
        view(source, f"--rules={HERE}/stack.json"), "seq", SAFE), 0.5)
    wide = model(f"llama-fp32-{LAYERS}", f"--layers={LAYERS // 2 or 1}", *SHAPE,
                 "--shards=3", "--fill", "--dtype=fp32")
    warm(shards(wide))
    for to in "bf16", "fp16":
        compare(f"fp32 to {to}",
                Measured(view(wide, f"--dtype={to}"), "seq", SAFE), 0.65)
    shutil.rmtree(wide)


def back():
    """The other direction: a ckpt, shown as HuggingFace's files."""
    source = ckpt_source("ckpt")
    warm(shards(source, ".ckpt"))
    peers = Peers(source, ".ckpt")
    safe, torch = shown("", ".safetensors"), shown("pytorch", ".bin")
    base = Measured(view(source), "seq", safe)
    what = "model.safetensors of a ckpt, source cached"
    against(f"{what}: read", base, peers, "seq", (">=", 1.1))
    against(f"{what}: mmap", Measured(view(source), "mmap", safe), peers,
            "mmap", (">=", 1.0))
    against(f"{what}: 4 KiB anywhere", Measured(view(source), "random", safe),
            peers, "random", (">=", 0.9))
    merged = ckpt_source("ckpt-merged", "--set=qkv_concat=true")
    for text, path, args, goal in (
            ("qkv and gate/up split", merged, [], 0.9),
            ("bf16 to fp32", source, ["--dtype=fp32"], 0.8),
            ("bf16 to fp16", source, ["--dtype=fp16"], 0.65)):
        warm(shards(path, ".ckpt"))
        m = Measured(view(path, *args), "seq", safe)
        line(f"{what}: {text}", m.text, m.rate / base.rate, "renamed only",
             (">=", goal))
    again = Measured(view(source), "seq", safe, again=True)
    for text, peer, goal, more in (("first pass", base, 0.4, False),
                                   ("again", again, 0.9, True)):
        m = Measured(view(source), "seq", torch, again=more)
        line(f"pytorch_model.bin of a ckpt: {text}", m.text,
             m.rate / peer.rate, f"model.safetensors, {peer.text}",
             (">=", goal))
    shutil.rmtree(merged)


def cat_rate(source):
    results = []
    for _ in range(RUNS):
        drop_caches()
        results.append(read("seq", *shards(source)))
    return statistics.median(n / s for s, n in results)


def cold_lines(source, where):
    plain = cat_rate(source)
    for text, args in (("renamed only", []),
                       ("transposed", [f"--rules={HERE}/transpose.json"])):
        m = Measured(view(source, *args), "seq", SAFE, before=drop_caches)
        line(f"safetensors/, {text}, {where}", m.text, m.rate / plain,
             f"reading the source, {plain / 1e9:.2f} GB/s", (">=", 0.9))


def cold():
    if os.geteuid() != 0:
        say("cold: skipped, only root may drop caches")
        return
    source = llama()
    cold_lines(source, "caches dropped")
    with Throttled(source) as slow:
        if slow.why:
            say(f"on a device of 500 MB/s: skipped, {slow.why}")
        else:
            cold_lines(source, "on a device of 500 MB/s")


class Throttled:
    """The device of a path at 500 MB/s, for this process and its children, by
    the block controller of cgroup v1."""

    GROUP = "/sys/fs/cgroup/blkio/wconvfs-bench"

    def __init__(self, path):
        dev = os.stat(path).st_dev
        self.device = f"{os.major(dev)}:{os.minor(dev)}"
        self.why = None

    def put(self, name, text, group=None):
        with open(f"{group or self.GROUP}/{name}", "w",
                  encoding="utf-8") as f:
            f.write(text)

    def __enter__(self):
        try:
            os.makedirs(self.GROUP, exist_ok=True)
            self.put("blkio.throttle.read_bps_device",
                     f"{self.device} 500000000")
            self.put("cgroup.procs", str(os.getpid()))
        except OSError as e:
            self.why = f"no block controller: {e}"
        return self

    def __exit__(self, *_):
        if not self.why:
            self.put("cgroup.procs", str(os.getpid()),
                     os.path.dirname(self.GROUP))
            os.rmdir(self.GROUP)


def readers():
    source = llama()
    warm(shards(source))
    by = {n: Measured(view(source), str(n), ckpt) for n in (1, 2, 4, 8)}
    best = max(m.rate for m in by.values())
    line("model.ckpt, source cached: 1 reader", by[1].text)
    line("  2 readers, each a half", by[2].text, by[2].rate / by[1].rate,
         "one", (">=", 1.2))
    line("  4 readers", by[4].text, by[4].rate / by[1].rate, "one")
    line("  8 readers", by[8].text, by[8].rate / best, "the best", (">=", 0.9))
    programs(source)


def timed(mount, files, command):
    """Median seconds of a shell command on the files of a fresh mount."""
    seconds = []
    for _ in range(RUNS):
        with mount:
            paths = " ".join(files())
            start = time.monotonic()
            run("sh", "-c", command.replace("FILES", paths))
            seconds.append(time.monotonic() - start)
    return statistics.median(seconds)


def programs(source):
    """No program is slower on model.ckpt than on safetensors/ by 20 %."""
    commands = {
        "cp": f"cp FILES {TOP}/copy && rm {TOP}/copy",
        "sha256sum": "sha256sum FILES",
        "tar": "tar -cf - FILES | cat >/dev/null",
    }
    for name, command in commands.items():
        a = timed(view(source), ckpt, command)
        b = timed(view(source), SAFE, command)
        line(f"model.ckpt: {name}", f"{a:.2f} s", a / b,
             f"safetensors/, {b:.2f} s", ("<=", 1.2))
    a = Measured(view(source), "each:4", ckpt)
    b = Measured(view(source), "each:4", SAFE)
    line("model.ckpt: 4 cold readers at once", a.text, a.rate / b.rate,
         f"safetensors/, {b.text}", (">=", 0.8))


def seconds_of(command, clean):
    """Median seconds of a shell command, after which clean is removed."""
    seconds = []
    for _ in range(RUNS):
        start = time.monotonic()
        run("sh", "-c", command)
        seconds.append(time.monotonic() - start)
        run("rm", "-rf", clean)
    return statistics.median(seconds)


def convert():
    source, out = llama(), f"{TOP}/out"
    warm(shards(source))
    files = " ".join(shards(source))
    cp = seconds_of(f"mkdir {out} && cp {files} {out} && sync {out}/*", out)
    nbytes = sum(os.path.getsize(f) for f in shards(source))
    for text, args, goal in (("nothing changes", "", 0.95),
                             ("bf16 to fp16", "--dtype=fp16", 0.7)):
        t = seconds_of(f"{WCONV} convert --quiet {args} {source} {out}.ckpt",
                       f"{out}.ckpt")
        line(f"wconv convert to a ckpt, {text}", rate(t, nbytes), cp / t,
             f"cp and sync, {rate(cp, nbytes)}", (">=", goal))


def scale():
    seconds = {}
    for layers in (100, 1000, 10000):
        source = model(f"sparse-{layers}", f"--layers={layers}",
                       "--hidden=2048", "--intermediate=8832", "--heads=16",
                       "--kv-heads=4", "--vocab=32000", "--shards=160")
        first = f"{MNT}/params/model.layers.7.attention.wq.weight.npy"
        opened, looked, reads = [], [], []
        for _ in range(RUNS):
            start = time.monotonic()
            with view(source) as m:
                os.stat(f"{MNT}/model.ckpt")
                opened.append(time.monotonic() - start)
                idle = resident(m.pid)
                start = time.monotonic()
                os.stat(first)
                looked.append(time.monotonic() - start)
                reads.append(read("seq", first)[0])
                read("seq", *[f"{MNT}/params/model.layers.{i}.feed_forward."
                              f"w{k}.weight.npy" for i in range(20)
                              for k in (1, 2, 3)])
                peak = resident(m.pid, "VmHWM")
        n = 9 * layers + 3
        seconds[layers] = statistics.median(opened)
        text = f"{n} tensors in 160 shards"
        line(f"{text}: mounted, and stat answers", f"{seconds[layers]:.3f} s")
        line("  lookup of a parameter", f"{statistics.median(looked) * 1e6:.0f}"
             " us")
        line("  reading one", f"{statistics.median(reads) * 1e3:.1f} ms")
        line("  resident after the mount", f"{idle / 1e6:.1f} MB",
             idle / (16e6 + 600 * n), "16 MB + 600 a tensor", ("<=", 1.0))
        line("  at its peak", f"{peak / 1e6:.1f} MB",
             peak / (16e6 + 2048 * n + 64 * 2 ** 20),
             "16 MB + 2 KB a tensor + the tiles", ("<=", 1.0))
    line("90,003 tensors, 1.3 TB: stat after the start",
         f"{seconds[10000]:.3f} s", seconds[10000] / 0.5, "0.5 s",
         ("<=", 1.0))


LOAD = """
import resource, sys, time
import mindspore as ms
start = time.monotonic()
{code}
print(time.monotonic() - start,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""

BY_THE_REFERENCE = """
import glob, safetensors.torch, torch
names = []
for path in sorted(glob.glob("{source}/*.safetensors")):
    for name, t in safetensors.torch.load_file(path).items():
        names.append(dict(name=name, data=ms.Tensor(
            t.to(torch.float32).numpy()).astype(ms.bfloat16)))
ms.save_checkpoint(names, "{out}")
del names, t
p = ms.load_checkpoint("{out}")
"""


def load(code):
    """Seconds and peak memory of a MindSpore that loads."""
    out = run(VENV, "-c", LOAD.format(code=code)).split()
    return float(out[-2]), float(out[-1])


def meminfo(field):
    with open("/proc/meminfo", encoding="utf-8") as f:
        for text in f:
            if text.startswith(f"{field}:"):
                return int(text.split()[1]) * 1024
    return 0


HOG = """
import mmap, sys
open("/proc/self/oom_score_adj", "w").write("1000")
m = mmap.mmap(-1, int(sys.argv[1]),
              mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
print("ready", flush=True)
sys.stdin.read()
"""


class MemFree:
    """The machine with so much free memory while the block runs."""

    def __init__(self, nbytes):
        self.nbytes, self.hogs = nbytes, []

    def __enter__(self):
        for _ in range(5):  # what is freed meanwhile is taken by the next
            drop_caches()
            more = meminfo("MemFree") - self.nbytes
            if more < 2 ** 25:
                break
            self.hogs.append(subprocess.Popen(
                [sys.executable, "-c", HOG, str(more)], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            self.hogs[-1].stdout.readline()

    def __exit__(self, *_):
        for hog in self.hogs:
            hog.communicate("")


def short_memory(nbytes, here):
    """A ckpt loads where little more than twice its size is free."""
    code = 'print("ready", flush=True)\ninput()\nstart = time.monotonic()\n'
    with view(llama()):
        # with MindSpore's own files in memory, before that gets short
        child = subprocess.Popen(
            [VENV, "-c", LOAD.format(code=code + here)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        while child.stdout.readline().strip() not in ("ready", ""):
            pass
        with MemFree(int(2.2 * nbytes)):
            free = meminfo("MemFree")
            out, err = child.communicate("\n")
        if child.returncode:
            line("  where little memory is free", "it fails")
            say(f"    {err.strip().splitlines()[-1]}")
        else:
            line(f"  where {free / nbytes:.1f} times its size is free",
                 f"{float(out.split()[-2]):.2f} s")


def end_to_end():
    if not os.path.exists(VENV):
        say(f"end to end: skipped, `make conformance` has not made {VENV}")
        return
    source, disk = llama(), f"{TOP}/converted.ckpt"
    with open(disk, "wb") as out:
        subprocess.run([WCONV, "cat", source, "model.ckpt"], stdout=out,
                       check=True)
    gb = os.path.getsize(disk) / 1e9
    here = f'p = ms.load_checkpoint("{MNT}/model.ckpt")'
    there = f'p = ms.load_checkpoint("{disk}")'

    def both(before):
        mounts, disks = [], []
        for _ in range(RUNS):
            before()
            with view(source):
                cached = meminfo("Cached")
                mounts.append(load(here) + (meminfo("Cached") - cached,))
            before()
            cached = meminfo("Cached")
            disks.append(load(there) + (meminfo("Cached") - cached,))
        return statistics.median(mounts), statistics.median(disks)

    def warmed():
        warm(shards(source) + [disk])
    a, b = both(warmed)
    line(f"MindSpore loads {gb:.1f} GB from the mount, cached",
         f"{a[0]:.2f} s")
    line("  from a converted file", f"{b[0]:.2f} s")
    line("  the difference a GB", f"{(a[0] - b[0]) / gb:.3f} s",
         (a[0] - b[0]) / gb / 0.25, "0.25 s", ("<=", 1.0))
    line("  peak memory: mount, file", f"{a[1] / 1e9:.1f} GB",
         a[1] / b[1], "the file's")
    if os.geteuid() == 0:
        a, b = both(drop_caches)
        line("  caches dropped", f"{a[0]:.2f} s", a[0] / b[0],
             f"a converted file, {b[0]:.2f} s", ("<=", 1.05))
        line("  page cache after that: mount, file",
             f"{a[2] / 1e9:.1f} GB", a[2] / b[2],
             f"the file's, {b[2] / 1e9:.1f} GB")
        short_memory(os.path.getsize(disk), here)
    os.unlink(disk)
    out = f"{TOP}/reference.ckpt"
    c = load(BY_THE_REFERENCE.format(source=source, out=out))
    line("  load, cast, save and load by Python", f"{c[0]:.2f} s", c[0] / a[0],
         "the mount")
    line("  its peak memory", f"{c[1] / 1e9:.1f} GB", c[1] / a[1], "the mount")
    os.unlink(out)


PARTS = {f.__name__: f for f in (sequential, transforms, back, cold, readers,
                                 convert, scale, end_to_end)}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        names = [t.split(":", 1)[1].strip() for t in f
                 if t.startswith("model name")]
    cpu = names[0] if names else platform.machine()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (f"{os.cpu_count()} x {cpu}, {memory / 1e9:.0f} GB, Linux "
            f"{platform.release()}, {time.strftime('%Y-%m-%d')}; medians of "
            f"{RUNS}")


def main():
    names = sys.argv[1:] or list(PARTS)
    unknown = [n for n in names if n not in PARTS]
    if unknown:
        sys.exit(f"bench: no part {unknown[0]}: {', '.join(PARTS)}")
    if os.geteuid() != 0:
        say("not root: readahead stays what the kernel gives, cold runs skip")
    os.makedirs(TOP, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    say(machine())
    for name in names:
        say(f"\n{name.replace('_', ' ')}")
        PARTS[name]()
    with open(f"{TOP}/table.txt", "w", encoding="utf-8") as f:
        f.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
