# SPDX-License-Identifier: Apache-2.0
"""make bench: how fast a view is, against peers measured in the same run.

    bench.py [PART...]      all parts, or those named: see PARTS

Each line names what was read, from where and in what state of the caches, the
rate, and its ratio to a peer's. Medians of RUNS, in which those that are
compared take turns. The table goes to standard output and to
BUILD/bench/table.txt. What this machine cannot do is skipped with the reason.
Sizes and places: BENCH_GB (2.2), BENCH_DIR (BUILD/bench).
"""

import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time

from measure import (BUILD, MNT, RUNS, TOP, Mounted, drop_caches, in_turn,
                     line, read, reading, reading_source, resident, rows, run,
                     running, running_on, say, view, warm)

GB = float(os.environ.get("BENCH_GB", "2.2"))
WCONV = f"{BUILD}/wconv"
NULLFS = f"{BUILD}/tests/nullfs"
MAKE_MODEL = f"{BUILD}/tests/make_model"
HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = "/usr/share/doc/libfuse3-dev/examples/passthrough.c"
VENV = f"{BUILD}/conformance-venv/bin/python"

SHAPE = ["--hidden=2048", "--intermediate=5632", "--heads=32", "--kv-heads=4",
         "--vocab=32000"]
LAYERS = max(1, round(GB / 2.2 * 22))
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
    """bindfs and passthrough.c on the source."""

    def __init__(self, source, suffix=".safetensors"):
        self.suffix = suffix
        self.mounts = {}
        if shutil.which("bindfs"):
            self.mounts["bindfs"] = (Mounted("bindfs", "-r", source, MNT), "")
        binary = f"{TOP}/passthrough"
        if os.path.exists(EXAMPLE):
            flags = run("pkg-config", "--cflags", "--libs", "fuse3").split()
            run("cc", "-O2", EXAMPLE, "-o", binary, *flags)
            self.mounts["passthrough"] = (
                Mounted(binary, "-o", "ro", MNT), source)

    def race(self, way, *runs):
        """Run them beside the peers; (name, Runs) of the faster peer."""
        peers = {name: reading(mount, way, lambda u=under:
                               shards(MNT + u, self.suffix))
                 for name, (mount, under) in self.mounts.items()}
        in_turn(*runs, *peers.values())
        return max(peers.items(), key=lambda p: p[1].rate,
                   default=(None, None))


def against(what, runs, peer, target):
    name, p = peer
    if name:
        line(what, runs.text, runs.rate / p.rate, f"{name}, {p.text}", target)
    else:
        line(what, runs.text)


# ---- the parts

def sequential():
    source = llama()
    warm(shards(source))
    peers = Peers(source)
    m = reading(view(source), "seq", SAFE)
    direct = reading(view(source, "--cache=direct"), "seq", ckpt)
    null = reading(Mounted(NULLFS, str(sum(map(os.path.getsize,
                                               shards(source)))),
                           MNT, foreground=True), "seq",
                   lambda: [f"{MNT}/data"])
    name, p = peer = peers.race("seq", m, direct, null)
    what = "safetensors/, renamed only, source cached"
    against(f"{what}: read", m, peer, (">=", 1.1))
    line(f"{what}: read", m.text, m.rate / null.rate,
         f"a null filesystem, {null.text}", (">=", 0.75))
    if name:
        line(f"{what}: CPU of the daemon a GB", f"{m.cpu:.3f} s",
             m.cpu / max(p.cpu, 1e-9), f"{name}, {p.cpu:.3f} s", ("<=", 1.0))
    mapped = reading(view(source), "mmap", SAFE)
    against(f"{what}: mmap", mapped, peers.race("mmap", mapped), (">=", 1.0))
    # of a file as large as the peers': so much of it is cached on the way
    third = os.path.getsize(shards(source)[0]) * 21 // 20
    rnd = reading(view(source, f"--shard-size={third}"), "random", SAFE)
    against(f"{what}: 4 KiB anywhere", rnd, peers.race("random", rnd),
            (">=", 0.9))
    against("model.ckpt, renamed only, source cached: direct I/O, 1 MiB reads",
            direct, peer, (">=", 1.4))
    page_cache(source)


def page_cache(source):
    again = reading(view(source), "seq", SAFE, again=True)
    what = "safetensors/, again, from the page cache"
    if not shutil.which("squashfuse_ll") or not shutil.which("mksquashfs"):
        in_turn(again)
        line(what, again.text)
        say("  (squashfuse_ll and mksquashfs are not here to compare)")
        return
    image = f"{TOP}/stored.squashfs"
    if not os.path.exists(image):
        run("mksquashfs", source, image, "-noI", "-noD", "-noF", "-noX",
            "-quiet")
    peer = reading(Mounted("squashfuse_ll", image, MNT), "seq",
                   lambda: shards(MNT), again=True)
    in_turn(again, peer)
    line(what, again.text, again.rate / peer.rate,
         f"squashfuse_ll, {peer.text}", (">=", 0.9))
    os.unlink(image)


def compared(what, base, others):
    """Lines of what is done beside the renaming, as (text, Runs, goal)."""
    in_turn(base, *[runs for _, runs, _ in others])
    line(f"{what}: renamed only", base.text)
    for text, runs, goal in others:
        line(f"{what}: {text}", runs.text, runs.rate / base.rate,
             "renamed only", (">=", goal))


def transforms():
    source, what = llama(), "safetensors/, source cached"

    def runs(path, *args):
        return reading(view(path, *args), "seq", SAFE)
    wide = model(f"llama-fp32-{LAYERS}", f"--layers={LAYERS // 2 or 1}", *SHAPE,
                 "--shards=3", "--fill", "--dtype=fp32")
    warm(shards(source) + shards(wide))
    base = runs(source)
    compared(what, base, [
        ("qkv and gate/up merged", runs(source, "--set=qkv_concat=true"), 0.9),
        ("bf16 to fp32", runs(source, "--dtype=fp32"), 0.8),
        ("bf16 to fp16", runs(source, "--dtype=fp16"), 0.65),
        ("transposed", runs(source, f"--rules={HERE}/transpose.json"), 0.5),
        ("stacked and transposed", runs(source, f"--rules={HERE}/stack.json"),
         0.5),
        ("fp32 to bf16", runs(wide, "--dtype=bf16"), 0.65),
        ("fp32 to fp16", runs(wide, "--dtype=fp16"), 0.65)])
    shutil.rmtree(wide)


def back():
    """The other direction: a ckpt, shown as HuggingFace's files."""
    source = ckpt_source("ckpt")
    merged = ckpt_source("ckpt-merged", "--set=qkv_concat=true")
    warm(shards(source, ".ckpt") + shards(merged, ".ckpt"))
    peers = Peers(source, ".ckpt")
    safe, torch = shown("", ".safetensors"), shown("pytorch", ".bin")
    what = "model.safetensors of a ckpt, source cached"
    for text, way, goal in (("read", "seq", 1.1), ("mmap", "mmap", 1.0),
                            ("4 KiB anywhere", "random", 0.9)):
        m = reading(view(source), way, safe)
        against(f"{what}: {text}", m, peers.race(way, m), (">=", goal))
    compared(what, reading(view(source), "seq", safe), [
        ("qkv and gate/up split", reading(view(merged), "seq", safe), 0.9),
        ("bf16 to fp32", reading(view(source, "--dtype=fp32"), "seq", safe),
         0.8),
        ("bf16 to fp16", reading(view(source, "--dtype=fp16"), "seq", safe),
         0.65)])
    for text, goal, again in (("source cached: first pass", 0.4, False),
                              ("again, from the page cache", 0.9, True)):
        m, peer = (reading(view(source), "seq", files, again=again)
                   for files in (torch, safe))
        in_turn(m, peer)
        line(f"pytorch_model.bin of a ckpt, {text}", m.text,
             m.rate / peer.rate, f"model.safetensors, {peer.text}",
             (">=", goal))
    shutil.rmtree(merged)


def cold_lines(source, where):
    plain = reading_source(shards(source), drop_caches)
    renamed, transposed = (
        reading(view(source, *args), "seq", SAFE, before=drop_caches)
        for args in ([], [f"--rules={HERE}/transpose.json"]))
    in_turn(plain, renamed, transposed)
    for text, m in ("renamed only", renamed), ("transposed", transposed):
        line(f"safetensors/, {text}, {where}", m.text, m.rate / plain.rate,
             f"reading the source, {plain.text}", (">=", 0.9))


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
            cold_lines(source, "caches dropped, device of 500 MB/s")


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
    by = {n: reading(view(source), str(n), ckpt) for n in (1, 2, 4, 8)}
    in_turn(*by.values())
    best = max(m.rate for m in by.values())
    what = "model.ckpt, source cached"
    line(f"{what}: 1 reader", by[1].text)
    line(f"{what}: 2 readers, each a half", by[2].text,
         by[2].rate / by[1].rate, "one", (">=", 1.2))
    line(f"{what}: 4 readers", by[4].text, by[4].rate / by[1].rate, "one")
    line(f"{what}: 8 readers", by[8].text, by[8].rate / best, "the best",
         (">=", 0.9))
    programs(source)


def programs(source):
    """No program is slower on model.ckpt than on safetensors/ by 20 %."""
    commands = {
        "cp": f"cp FILES {TOP}/copy && rm {TOP}/copy",
        "sha256sum": "sha256sum FILES",
        "tar": "tar -cf - FILES | cat >/dev/null",
    }
    for name, command in commands.items():
        a, b = (running_on(view(source), files, command)
                for files in (ckpt, SAFE))
        in_turn(a, b)
        line(f"model.ckpt, source cached: {name}", f"{a.seconds:.2f} s",
             a.seconds / b.seconds, f"safetensors/, {b.seconds:.2f} s",
             ("<=", 1.2))
    a, b = (reading(view(source), "each:4", files) for files in (ckpt, SAFE))
    in_turn(a, b)
    line("model.ckpt, source cached: 4 readers, each of all of it", a.text,
         a.rate / b.rate, f"safetensors/, {b.text}", (">=", 0.8))


def convert():
    source, out = llama(), f"{TOP}/out"
    warm(shards(source))
    files = " ".join(shards(source))
    nbytes = sum(map(os.path.getsize, shards(source)))
    cp = running(f"mkdir {out} && cp {files} {out} && sync {out}/*", nbytes,
                 out)
    same, cast = (
        running(f"{WCONV} convert --quiet {args} {source} {out}.ckpt", nbytes,
                f"{out}.ckpt") for args in ("", "--dtype=fp16"))
    in_turn(cp, same, cast)
    for text, m, goal in (("nothing changes", same, 0.95),
                          ("bf16 to fp16", cast, 0.7)):
        line(f"wconv convert to a ckpt, source cached: {text}", m.text,
             m.rate / cp.rate, f"cp and sync, {cp.text}", (">=", goal))


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
        text = f"{n:,} sparse tensors, cached"
        line(f"{text}: mount, stat of model.ckpt", f"{seconds[layers]:.3f} s")
        line(f"{text}: lookup of an .npy",
             f"{statistics.median(looked) * 1e6:.0f} us")
        line(f"{text}: read of that .npy",
             f"{statistics.median(reads) * 1e3:.1f} ms")
        line(f"{text}: resident when mounted", f"{idle / 1e6:.1f} MB",
             idle / (16e6 + 600 * n), "16 MB + 600 a tensor", ("<=", 1.0))
        line(f"{text}: peak of reads", f"{peak / 1e6:.1f} MB",
             peak / (16e6 + 2048 * n + 64 * 2 ** 20),
             "16 MB + 2 KB a tensor + the tiles", ("<=", 1.0))
    line("1.3 TB in 160 sparse shards, cached: mount, stat of model.ckpt",
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
    what = "load_checkpoint of model.ckpt, cold"
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
            line(f"{what}, little memory free", "it fails")
            say(f"    {err.strip().splitlines()[-1]}")
        else:
            line(f"{what}, {free / nbytes:.1f} times its size free",
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
    size, what = f"{gb:.1f} GB", "load_checkpoint of model.ckpt"
    line(f"{what}, {size}, source cached", f"{a[0]:.2f} s")
    line(f"load_checkpoint of a converted file, {size}, cached",
         f"{b[0]:.2f} s")
    line("the difference a GB, both cached", f"{(a[0] - b[0]) / gb:.3f} s",
         (a[0] - b[0]) / gb / 0.25, "0.25 s", ("<=", 1.0))
    line(f"{what}, source cached: peak memory", f"{a[1] / 1e9:.1f} GB",
         a[1] / b[1], "the converted file's")
    if os.geteuid() == 0:
        a, b = both(drop_caches)
        line(f"{what}, caches dropped", f"{a[0]:.2f} s",
             a[0] / b[0], f"a converted file, {b[0]:.2f} s",
             ("<=", 1.05))
        line(f"{what}, caches dropped: page cache", f"{a[2] / 1e9:.1f} GB",
             a[2] / b[2], f"a converted file's, {b[2] / 1e9:.1f} GB")
        short_memory(os.path.getsize(disk), here)
    os.unlink(disk)
    out = f"{TOP}/reference.ckpt"
    state = "source cached"
    if os.geteuid() == 0:
        drop_caches()
        state = "caches dropped"
    c = load(BY_THE_REFERENCE.format(source=source, out=out))
    what = f"load, cast, save, load by Python, {state}"
    line(what, f"{c[0]:.2f} s", c[0] / a[0], "the mount")
    line(f"{what}: peak memory", f"{c[1] / 1e9:.1f} GB", c[1] / a[1],
         "the mount")
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
