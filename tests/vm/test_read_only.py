# SPDX-License-Identifier: BSD-3-Clause
"""The file system of the state becomes read-only under a daemon that holds its files open, as ext4
does of its own accord when its medium fails, and writable again."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import tpm2
from device import DeviceFile, Tpm, must, server_of, wait_until
from fake_kernel import TOP
from ptm import SUCCESS, Control

INDEX = 0x1500000
RUNNING = (SUCCESS, tpm2.RC_SUCCESS)
IMAGE_SIZE = 16 << 20

# In the order in which they have to be loaded.
MODULES = ("lib/crc16", "crypto/crc32c_generic", "fs/mbcache", "fs/jbd2/jbd2", "fs/ext4/ext4",
           "drivers/block/loop")


def load_modules():
    modules = os.path.join(TOP, f"build/vm/kernel-{os.uname().release}/modules")
    for name in MODULES:
        must("insmod", os.path.join(modules, f"{name}.ko"))


class Store:
    """One TPM whose client counts; `value` is what the TPM has acknowledged."""

    def __init__(self, plugin, place, log):
        path = os.path.join(place, plugin)
        uri = f"{plugin}://{path}{'?tpm=vtpm' if plugin == 'lmdb' else ''}"
        self.path, self.log_path = path, log
        self.tpm = Tpm(f"vtpm-{plugin}", "--tpm2", "--log", f"file={log}", storage_uri=uri)
        self.value = 0

    def start(self):
        self.tpm.start()
        self.file = DeviceFile(self.tpm.path)
        self.control, self.client = Control(self.file), tpm2.Tpm2(self.file)

    def power_on(self):
        """The results of INIT and Startup."""
        return self.control.init(), self.client.code(tpm2.startup())

    def write(self):
        """The response code of a write of the next number."""
        code = self.client.code(tpm2.nv_write(INDEX, (self.value + 1).to_bytes(8, "big")))
        self.value += code == tpm2.RC_SUCCESS
        return code

    def read(self):
        return int.from_bytes(self.client.nv_read(INDEX, 8), "big")

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def crash(self):
        self.file.close()
        os.kill(server_of(self.tpm.name), signal.SIGKILL)
        self.tpm.wait()


class ReadOnly(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm-cuse-vm.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.place = os.path.join(self.directory, "mounted")
        load_modules()
        self.mount()
        self.stores = []
        for plugin in ("dir", "file", "lmdb"):
            store = Store(plugin, self.place, os.path.join(self.directory, f"log-{plugin}"))
            self.addCleanup(store.tpm.remove)
            self.stores.append(store)
            store.start()
            self.assertEqual(store.power_on(), RUNNING)
            store.client.run(tpm2.nv_define(INDEX, 8))
            self.assertEqual(store.write(), tpm2.RC_SUCCESS)

    def mount(self):
        image = os.path.join(self.directory, "image")
        with open(image, "wb") as file:
            file.truncate(IMAGE_SIZE)
        must("mkfs.ext4", "-q", image)
        os.mkdir(self.place)
        must("mount", "-o", "loop", image, self.place)
        self.addCleanup(subprocess.run, ["umount", "-l", self.place], check=True)

    def is_read_only(self):
        return os.statvfs(self.place).f_flag & os.ST_RDONLY

    def make_read_only(self):
        """Whoever has files open: remount,ro would refuse."""
        with open("/proc/sysrq-trigger", "w", encoding="ascii") as trigger:
            trigger.write("u")
        wait_until(self.is_read_only, "a file system that is read-only")

    def test_the_tpm_fails_until_it_is_writable_again_and_loses_nothing(self):
        self.make_read_only()
        for store in self.stores:
            with self.subTest(store.path):
                self.assertEqual(store.write(), tpm2.RC_FAILURE)
                self.assertIn(store.path, store.log())
                self.assertIn("Read-only file system; make its file system writable", store.log())
                self.assertNotEqual(store.control.store_volatile(), SUCCESS)
                self.assertNotEqual(store.power_on(), RUNNING)
        must("mount", "-o", "remount,rw", self.place)
        for store in self.stores:
            with self.subTest(store.path):
                self.assertEqual(store.power_on(), RUNNING, store.log())
                # What was refused may be there, as after every sync that failed.
                self.assertIn(store.read(), (store.value, store.value + 1))
                self.assertEqual(store.write(), tpm2.RC_SUCCESS)
                store.crash()
                store.start()
                self.assertEqual(store.power_on(), RUNNING, store.log())
                self.assertEqual(store.read(), store.value)


if __name__ == "__main__":
    unittest.main()
