# SPDX-License-Identifier: BSD-3-Clause
"""swtpm-plugin-check: our plugins pass it, each flawed one is refused for its flaw, and what it tests
is what the header says."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from programs import BUILD_DIR, TREE, ours, run

PLUGINS = os.path.join(BUILD_DIR, "plugins")
TEST_PLUGINS = os.path.join(BUILD_DIR, "tests/plugins")
BAD_PLUGINS = os.path.join(TEST_PLUGINS, "bad")
HEADER = os.path.join(TREE, "core/include/swtpm_plugin.h")
# What instruments makes system calls and exports symbols of its own.
INSTRUMENTED = os.path.basename(BUILD_DIR) != "release"
TIMEOUT = 540


RELEASE_ONLY = unittest.skipIf(os.path.basename(BUILD_DIR) == "asan", "the same as in the release variant")


def is_for(variant):
    return "the kit forks with threads, and traces" if variant == "tsan" else None


class Check:
    """One run of swtpm-plugin-check; `failed` has the reasons by mark."""

    def __init__(self, *arguments):
        done = run(ours("swtpm-plugin-check"), *arguments, timeout=TIMEOUT)
        self.status = done.returncode
        self.errors = done.stderr.decode()
        self.text = done.stdout.decode()
        self.failed = {}
        self.passed = []
        self.skipped = {}
        self.plan = None
        mark = None
        for line in self.text.splitlines():
            self._read(line)
            result = re.match(r'(not )?ok (\d+) - (S\d+) ', line)
            if result:
                mark = result[3] if result[1] else None
            elif mark and line.startswith("# ") and not re.match(r"# \d+ passed", line):
                self.failed.setdefault(mark, []).append(line[2:])

    def _read(self, line):
        if line.startswith("1.."):
            self.plan = int(line[3:])
        result = re.match(r'ok \d+ - (S\d+) .*?(?:# SKIP (.*))?$', line)
        if result and result[2]:
            self.skipped[result[1]] = result[2]
        elif result:
            self.passed.append(result[1])

    def reasons(self):
        return "\n".join(f"{mark}: {reason}" for mark, lines in self.failed.items()
                         for reason in lines)


def birth_time(path):
    """In seconds since 1970; 0 if the file system does not tell (stat(1))."""
    return int(subprocess.run(["stat", "-c", "%W", path], capture_output=True, check=True).stdout)


class WithDirectory(unittest.TestCase):
    def setUp(self):
        # In memory: each check syncs hundreds of times, and a busy disk takes a second for each.
        self.directory = self.new_directory("/dev/shm")
        # Older kernels do not note there when a file was made, which S34 wants to know.
        if birth_time(self.directory) <= 0:
            self.directory = self.new_directory(None)
        self.location = f"{self.directory}/{{}}"

    def new_directory(self, where):
        directory = tempfile.mkdtemp(prefix="swtpm-cuse-conformance.", dir=where)
        self.addCleanup(shutil.rmtree, directory)
        return directory


# list_stores is optional: these are skipped for a plugin whose locations are each of one store.
LIST_STORES = {f"S{number}" for number in range(63, 70)}


class OurPlugins(WithDirectory):
    """In the sandbox too, but for the sanitized variant: that makes system calls of its own, and
    exports symbols."""

    def check(self, plugin, *location, place=None, skipped=()):
        options = [] if INSTRUMENTED else ["--seccomp"]
        if place:
            options += ["--place", place]
        check = Check(*options, os.path.join(PLUGINS, plugin), *location)
        self.assertEqual(check.errors, "")
        self.assertEqual(set(check.failed), {"S2"} if INSTRUMENTED else set(), check.text)
        self.assertEqual(set(check.skipped) - ({"S6"} if INSTRUMENTED else set()), set(skipped))

    def test_storage_dir_passes_everything(self):
        self.check("storage-dir.so", self.location, skipped=LIST_STORES)

    def test_storage_dir_passes_for_who_is_not_root(self):
        if os.geteuid() != 0:
            self.skipTest("the other tests run as such a user already")
        if os.path.basename(BUILD_DIR) == "coverage":
            self.skipTest("such a user cannot write gcov's counters")
        directory = tempfile.mkdtemp(prefix="conformance.", dir="/tmp")
        self.addCleanup(shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        for file in ours("swtpm-plugin-check"), os.path.join(PLUGINS, "storage-dir.so"):
            shutil.copy(file, directory)
        done = run(os.path.join(directory, "swtpm-plugin-check"), "--only", "S3[0-9]",
                   os.path.join(directory, "storage-dir.so"), user="nobody", timeout=TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def test_storage_file_passes_everything(self):
        self.check("storage-file.so", self.location, skipped=LIST_STORES)

    def test_storage_lmdb_passes_everything(self):
        self.check("storage-lmdb.so", f"{self.location}?tpm=one", place=self.location)

    def test_storage_lmdb_passes_with_many_tpms_in_one_environment(self):
        self.check("storage-lmdb.so", f"{self.directory}/environment?tpm=tpm-{{}}",
                   place=f"{self.directory}/environment", skipped=["S34", "S66"])

    def test_crypto_gnutls_passes_everything(self):
        self.check("crypto-gnutls.so")


@RELEASE_ONLY
class Template(unittest.TestCase):
    def test_the_template_for_authors_passes_what_it_claims(self):
        check = Check(os.path.join(TEST_PLUGINS, "storage-mem.so"))
        self.assertEqual(check.status, 0, check.text)
        for mark in "S42", "S28", "S48":
            self.assertIn("does not claim", check.skipped[mark])
        for mark in "S21", "S24", "S47", "S50", "S51":
            self.assertIn(mark, check.passed)


# The mark under which each flaw must be reported, and words of the reason.
FLAWS = {
    "accepts-any-name": ("S26", "the name '.' is not refused"),
    "announces-nothing": ("S7", "which open did not announce"),
    "blocking-lock": ("S39", "did not end within"),
    "buffer-touched": ("S15", "get wrote to the buffer and failed"),
    "changes-umask": ("S16", "changed the umask"),
    "constructor-opens": ("S5", "left a file open"),
    "creates-unasked": ("S22", "open of a store that is not there gave success"),
    "descriptor-leak": ("S19", "descriptors open"),
    "empty-unsynced": ("S28", "when a put of no bytes has returned"),
    "errno-as-result": ("S13", "which is no code of enum swtpm_plugin_result"),
    "follows-links": ("S18", "wrote through a link"),
    "hides-faults": ("S23", "write failed with 'No space left on device' in put"),
    "keeps-location": ("S12", "list failed"),
    "large-unsynced": ("S28", "another name before its data are synced"),
    "lists-everything": ("S51", "list visits other than the 100 values"),
    "loses-last-byte": ("S44", "does not give the"),
    "lock-per-process": ("S39", "while another handle of the process holds the lock"),
    "memory-leak": ("S38", "allocations behind"),
    "mode-by-umask": ("S34", "the umask changes the modes of files"),
    "no-cloexec": ("S17", "without O_CLOEXEC"),
    "no-directory-sync": ("S28", "is not synced"),
    "no-file-sync": ("S28", "another name before its data are synced"),
    "no-message": ("S14", "left no message"),
    "one-lock-for-all": ("S39", "lock failed with BUSY"),
    "prints": ("S44", "it printed: reading permall"),
    "read-only-writes": ("S32", "lock succeeded"),
    "skips-same-value": ("S28", "syncs nothing"),
    "syncs-at-times": ("S28", "another name before its data are synced"),
    "thread-local-state": ("S8", "not open in this thread"),
    "torn-put": ("S48", "the value is neither the old nor the new one"),
    "trusts-malloc": ("S24", "Segmentation fault"),
    "undeclared-system-call": ("S6", "an op calls getppid, which is not among its system_calls"),
    "wrong-code-when-full": ("S23", "which gives IO instead of NO_SPACE"),
}

# The same for list_stores, with the place for which it is called.
LIST_STORES_FLAWS = {
    "stores-busy": ("S69", "which was visited, gave BUSY", "/"),
    "stores-by-name": ("S65", "which was visited, gave NOT_FOUND", "/"),
    "stores-examined": ("S67", "failed: cannot find", "/"),
    "stores-go-on": ("S63", "list_stores went on to", "/"),
    "stores-nowhere": ("S66", "a place that is not there gave success", "/{}/"),
    "stores-passed-over": ("S64", "visited a store 0 times", "/"),
    "stores-touched": ("S68", "is not as it was", "/"),
}

# Refused before any op is called.
NOT_LOADED = {
    "ancient-abi": "ABI",
    "calls-host": "defined_by_no_program",
    "future-abi": "ABI",
    "missing-op": "list",
    "no-ops": "ops",
    "no-symbol": "swtpm_plugin",
    "short-ops": "ops",
    "wrong-kind": "kind",
    "wrong-magic": "magic",
}


@RELEASE_ONLY
class FlawedPlugins(WithDirectory):
    def test_without_a_flaw_everything_passes(self):
        check = Check("--seccomp", "--place", f"{self.directory}/",
                      os.path.join(BAD_PLUGINS, "storage-flawless.so"), self.location)
        self.assertEqual((check.status, check.failed, set(check.skipped)), (0, {}, {"S66"}),
                         check.text)

    def test_each_flaw_is_found_and_named(self):
        for name, (mark, reason) in FLAWS.items():
            with self.subTest(name):
                # A lock that is waited for is waited for to the end of this time.
                check = Check("--timeout", "20" if name == "blocking-lock" else str(TIMEOUT),
                              "--only", mark, os.path.join(BAD_PLUGINS, f"storage-{name}.so"),
                              self.location)
                self.assertEqual(check.status, 1)
                self.assertIn(reason, check.reasons())

    def test_a_call_that_the_sandbox_forbids_is_told_with_the_way_to_find_it(self):
        check = Check("--seccomp", "--only", "S6",
                      os.path.join(BAD_PLUGINS, "storage-undeclared-system-call.so"))
        self.assertIn("'strace -f' of this check shows it", check.reasons())

    def test_stores_that_an_earlier_run_left_are_told(self):
        arguments = ("--only", "S30", os.path.join(BAD_PLUGINS, "storage-flawless.so"),
                     f"{self.directory}/{{}}")
        self.assertEqual(Check(*arguments).failed, {})
        self.assertIn("an earlier run left it", Check(*arguments).reasons())

    def test_each_flaw_of_list_stores_is_found_and_named(self):
        for name, (mark, reason, place) in LIST_STORES_FLAWS.items():
            with self.subTest(name):
                stores = os.path.join(self.directory, name)
                os.mkdir(stores)
                check = Check("--only", mark, "--place", stores + place,
                              os.path.join(BAD_PLUGINS, f"storage-{name}.so"), stores + "/{}")
                self.assertEqual(check.status, 1)
                self.assertIn(reason, check.reasons())

    def test_the_table_has_every_flaw_that_is_built(self):
        built = {name[len("storage-"):-len(".so")] for name in os.listdir(BAD_PLUGINS)
                 if name.endswith(".so")}
        self.assertEqual(built - {"flawless"}, {*FLAWS, *LIST_STORES_FLAWS})

    def test_what_the_host_does_not_load_is_refused(self):
        for name, reason in NOT_LOADED.items():
            with self.subTest(name):
                check = Check(os.path.join(TEST_PLUGINS, f"storage-{name}.so"))
                self.assertEqual(check.status, 1)
                self.assertIn(reason, check.reasons())
                self.assertIn("Bail out!", check.text)

    def test_a_surplus_symbol_is_refused(self):
        check = Check("--only", "S2", os.path.join(TEST_PLUGINS, "storage-surplus-symbol.so"))
        self.assertIn("it exports other symbols too: surplus_symbol", check.reasons())

    def copy(self, name):
        """The plugin of our own beside the build, in a directory that root trusts."""
        directory = tempfile.mkdtemp(prefix="conformance.", dir=BUILD_DIR)
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, name)
        shutil.copy(os.path.join(PLUGINS, "storage-dir.so"), path)
        return path

    def test_a_file_that_others_may_write_to_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("only root is particular about who may write to a plugin")
        path = self.copy("storage-dir.so")
        os.chmod(path, 0o777)
        check = Check(path)
        self.assertEqual(check.status, 1)
        self.assertIn("writ", check.reasons())

    def test_a_plugin_with_the_name_of_another_is_refused(self):
        check = Check(self.copy("storage-other.so"))
        self.assertEqual(check.status, 1)
        self.assertIn("'dir'", check.reasons())

    def test_linking_without_protection_is_refused(self):
        path = self.copy("storage-mem.so")
        source = os.path.join(TREE, "tests/plugins/storage-mem.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,lazy,-z,norelro",
                        "-I", os.path.dirname(HEADER), "-o", path, source], check=True)
        self.assertIn("-z relro", Check("--only", "S4", path).reasons())


@RELEASE_ONLY
class Contract(unittest.TestCase):
    """Header and kit say the same."""

    def setUp(self):
        with open(HEADER) as file:
            text = file.read()
        text = re.sub(r"\n *(\* ?)? *", " ", text)
        self.header = re.sub(r"\s+", " ", text)
        listing = run(ours("swtpm-plugin-check"), "--list").stdout.decode()
        self.checks = [line.split("\t") for line in listing.splitlines()]

    def test_every_mark_of_the_header_is_tested(self):
        marks = set(re.findall(r"\[(S\d+)\]", self.header)) - {"S"}
        self.assertEqual({mark for mark, _, _ in self.checks}, marks)
        self.assertGreater(len(marks), 60)

    def test_every_mark_stands_once(self):
        intro, rest = self.header.split("THE PLUGIN FILE", 1)
        marks = re.findall(r"\[(S\d+)\]", rest)
        self.assertEqual(len(marks), len(set(marks)))

    def test_every_quotation_stands_at_its_mark(self):
        rest = self.header.split("THE PLUGIN FILE", 1)[1]
        passages = {mark: passage for mark, passage in
                    re.findall(r"\[(S\d+)\](.*?)(?=\[S\d+\]|$)", rest)}
        for mark, quote, _ in self.checks:
            with self.subTest(mark):
                # A sentence may begin before its mark.
                before = rest.split(f"[{mark}]")[0][-200:]
                self.assertIn(re.sub(r"\s+", " ", quote),
                              re.sub(r"\s+", " ", before + passages[mark]))


class CommandLine(unittest.TestCase):
    def run_kit(self, *arguments):
        return run(ours("swtpm-plugin-check"), *arguments)

    def test_help_and_version(self):
        for option in "-h", "--help":
            done = self.run_kit(option)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(b"usage: swtpm-plugin-check", done.stdout)
        for option in "-v", "--version":
            self.assertRegex(self.run_kit(option).stdout, rb"^swtpm-plugin-check \d+\.\d+")

    def test_wrong_uses_are_refused(self):
        plugin = os.path.join(PLUGINS, "storage-dir.so")
        for arguments, words in (
                ([], b"are needed"),
                ([plugin, "a", "b"], b"are needed"),
                (["--only", "S99", plugin], b"--only 'S99' matches no sentence"),
                (["--nonsense"], b"unknown or incomplete option"),
                (["--timeout", "0", plugin], b"--timeout '0'"),
                (["--timeout", "1x", plugin], b"--timeout '1x'"),
                (["/nonexistent/storage-x.so"], b"/nonexistent/storage-x.so"),
                ([HEADER], b"is not named like a plugin")):
            with self.subTest(arguments):
                done = self.run_kit(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, b""))
                self.assertIn(words, done.stderr)

    def test_a_location_without_a_store_ends_it_with_the_one_reason(self):
        plugin = os.path.join(PLUGINS, "storage-lmdb.so")
        for arguments, words in (
                ([], "INVALID: the location '/tmp/swtpm-plugin-check."),
                (["/nonexistent/environment?tpm=one"], "NOT_FOUND: cannot make the directory")):
            with self.subTest(arguments):
                check = Check(plugin, *arguments)
                self.assertEqual(check.status, 1)
                self.assertRegex(check.text, rf"Bail out! LOCATION '.*' makes no store: .*{words}")
                self.assertNotIn("not ok", check.text.replace("not ok 2 ", ""))

    def test_output_that_is_lost_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([ours("swtpm-plugin-check"), "--only", "S1",
                                   os.path.join(PLUGINS, "storage-dir.so")],
                                  stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left on device", done.stderr)

    def test_checks_of_the_file_alone_need_no_location(self):
        check = Check("--only", "S1", os.path.join(PLUGINS, "storage-lmdb.so"))
        self.assertEqual((check.status, check.passed), (0, ["S1"]), check.text)

    def test_the_plan_is_kept(self):
        check = Check("--only", "S[3-5]", os.path.join(PLUGINS, "crypto-gnutls.so"))
        self.assertEqual(check.plan, 3)
        self.assertEqual(check.passed, ["S3", "S4", "S5"])
