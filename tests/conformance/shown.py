# SPDX-License-Identifier: Apache-2.0
"""A source as wconvfs shows it: mounted, or, where nothing can be mounted, the
same files written out by `wconv cat` when they are asked for."""

import json
import os
import shutil
import subprocess
import tempfile

BUILD = os.environ.get("BUILD", "build")


PROBE = "tests/golden/llama3-gqa-bf16/hf"


def can_mount():
    """Try it: exit code 5 is for what FUSE or the mount point refuse."""
    with tempfile.TemporaryDirectory() as top:
        done = subprocess.run([f"{BUILD}/wconvfs", PROBE, top])
        if done.returncode == 0:
            subprocess.run(["fusermount3", "-u", top], check=True)
        return done.returncode != 5


MOUNT = can_mount()


class Shown:
    """with Shown(source, "--dtype=fp16") as view: view.path("model.ckpt")"""

    def __init__(self, source, *args):
        self.source = source
        self.args = list(args)

    def __enter__(self):
        self.top = tempfile.mkdtemp(prefix="wconvfs-")
        if MOUNT:
            command = [f"{BUILD}/wconvfs", *self.args, self.source, self.top]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                os.rmdir(self.top)
                raise RuntimeError(done.stderr.strip())
        return self

    def __exit__(self, *_):
        if MOUNT:
            # Lazily: a library may still hold a mapping of a file.
            subprocess.run(["fusermount3", "-u", "-z", self.top], check=True)
            os.rmdir(self.top)
        else:
            shutil.rmtree(self.top)

    def cat(self, name, out):
        """Write a file of the view into out by wconv; False if it is not."""
        command = [f"{BUILD}/wconv", "cat", *self.args, self.source, name]
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE)
        return done.returncode == 0

    def path(self, name):
        """A real path at which a file of the view can be read, or None."""
        path = os.path.join(self.top, name)
        if not MOUNT and not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                found = self.cat(name, out)
            if not found:
                os.unlink(path)
        return path if os.path.exists(path) else None

    def shards(self, directory, stem, suffix):
        """The weight files of safetensors/ or ckpt/, in order."""
        index = self.path(f"{directory}/{stem}.{suffix}.index.json")
        files = [f"{stem}.{suffix}"]
        if index:
            with open(index, encoding="utf-8") as f:
                files = sorted(set(json.load(f)["weight_map"].values()))
        return [self.path(f"{directory}/{name}") for name in files]
