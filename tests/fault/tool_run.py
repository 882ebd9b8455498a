# SPDX-License-Identifier: BSD-3-Clause
"""One run of swtpm-state with one fault."""

import os
import shutil
import subprocess

from daemon import PLUGINS
from faulty_daemon import LIMIT
from injector import Injector
from programs import ours
from tpm_place import DIR, LMDB, Place

_TARGETS = {"dir": DIR, "lmdb": LMDB}


class ToolRun:
    """`check_stored` and `is_invisible` are the campaign's."""

    def __init__(self, scenario, point, directory, result):
        self.scenario = scenario
        self.point = point
        self.directory = directory
        self.result = result
        scenario.kind.copy(directory)
        self._prepare()
        self.injector = Injector(directory, point, from_main=True)

    def _command(self, command, *options, key=None):
        kind = self.scenario.kind
        return [ours("swtpm-state"), command, "--plugin-dir", PLUGINS,
                *kind.tool_options(self.directory),
                *(self._used_by_tool() if key is None else key),
                *(option.replace("DIR", self.directory) for option in options)]

    def _used_by_tool(self):
        """The state key alone: a migration key is for blobs, and a list needs none."""
        if self.scenario.options[0] == "list":
            return []
        return self.scenario.kind.key_options(self.directory)[:2]

    def _prepare(self):
        if self.scenario.options[0] == "import":
            subprocess.run(self._command("export", "--permanent", "DIR/exported"), check=True)

    def run(self):
        """The exit code, None if there was no end."""
        sanitizer = f"log_path={self.directory}/sanitizer:exitcode=99:verify_asan_link_order=0"
        try:
            done = subprocess.run(
                self._command(*self.scenario.options), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=LIMIT,
                env={**os.environ, **self.injector.environment, "ASAN_OPTIONS": sanitizer})
        except subprocess.TimeoutExpired:
            self.result.blame("hangs: no end of the tool")
            return None
        self.result.report = done.stderr + self._sanitizer_reports()
        return done.returncode

    def _sanitizer_reports(self):
        texts = []
        for name in sorted(os.listdir(self.directory)):
            if name.startswith("sanitizer."):
                with open(os.path.join(self.directory, name), encoding="utf-8") as file:
                    texts.append(file.read())
        return "".join(texts)

    def places(self, code):
        """What has to be there and whole: Places of the TPM."""
        key = self._key_that_opens(code)
        yield Place(self.scenario.kind, self.directory, key)
        target = self.scenario.tool["copied_to"]
        if code == 0 and target == "dir":
            shutil.rmtree(os.path.join(self.directory, "state"))
            os.rename(os.path.join(self.directory, "copy"), os.path.join(self.directory, "state"))
        if code == 0 and target is not None:
            yield Place(_TARGETS[target], self.directory, key)

    def _key_that_opens(self, code):
        """After a change of keys that failed either opens; after one that succeeded, the new."""
        old = self.scenario.kind.key_options(self.directory)
        if self.scenario.options[0] != "rekey":
            return old
        new = [part.replace("DIR", self.directory) for part in self.scenario.tool["new_key"]]
        done = subprocess.run(self._command("verify", key=new), capture_output=True, check=False)
        return new if code == 0 or done.returncode == 0 else old
