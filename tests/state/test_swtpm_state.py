# SPDX-License-Identifier: BSD-3-Clause
"""swtpm-state on the command line: what it prints, what it refuses, what it leaves as it was."""

import fcntl
import os
import pwd
import re
import resource
import shutil
import stat
import tempfile
import unittest

from debian_swtpm import DebianSwtpm
from plugins import trusted
from programs import BUILD_DIR, VARIANT, ours, run
from state_keys import StateKeys
from swtpm_state import PLUGINS, make_state, plain_value, stored, swtpm_state

TEST_PLUGINS = trusted(os.path.join(BUILD_DIR, "tests/plugins"))

PERMANENT, VOLATILE = "tpm2-00.permall", "tpm2-00.volatilestate"
SAME_PLACE = "option --to: it is the place that --tpmstate names"
VALUES = {PERMANENT: plain_value(b"permanent" * 100), VOLATILE: plain_value(b"volatile" * 100)}


def is_for(variant):
    return f"nothing here has threads ({variant})" if variant == "tsan" else None


class StateTool(unittest.TestCase):

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm-state-test.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.keys = StateKeys(self.directory)
        self.state = make_state(self.path("state"), VALUES)

    def path(self, name):
        return os.path.join(self.directory, name)

    def refuse(self, status, text, command, *options, state=None, **keywords):
        """The command fails with that status and text, and the state stays as it is."""
        before = stored(self.state)
        done = swtpm_state(command, state or self.state, *options, check=False, **keywords)
        message = done.stderr.decode()
        self.assertEqual(done.returncode, status, message)
        self.assertIn(text, message)
        self.assertRegex(message, r"(?m)\Aswtpm-state: [^\n]+\n\Z|\A(swtpm-state: [^\n]+\n)+\Z")
        self.assertEqual(stored(self.state), before)
        return done

    # ---------------------------------------------------------------- the command line

    def test_help_and_version(self):
        for option, text in (("--help", "usage: swtpm-state COMMAND"), ("--version", "version ")):
            done = run(ours("swtpm-state"), option)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(text, done.stdout.decode())

    def test_no_command_removes_a_key_file(self):
        key = self.keys.argument("raw128")
        self.refuse(1, "leave 'remove' out", "rekey", "--new-key", key + ",remove")
        self.refuse(1, "leave 'remove' out", "verify", "--key", key + ",remove")
        self.assertTrue(os.path.exists(re.search("file=([^,]*)", key).group(1)))

    def test_wrong_uses(self):
        key = self.keys.argument("raw128")
        for text, command, *options in (
                ("no command 'lst'", "lst"),
                ("surplus argument 'now'", "list", "now"),
                ("no option '--kex'; did you mean --key?", "list", "--kex"),
                ("'list' knows no option --key", "list", "--key", key),
                ("'verify' knows no option --new-key", "verify", "--new-key", "none"),
                ("'verify' knows no option --replace", "verify", "--replace"),
                ("'rekey' needs --new-key", "rekey"),
                ("'rekey' knows no option --migration-key", "rekey", "--migration-key", key,
                 "--new-key", "none"),
                ("'export' needs --permanent", "export"),
                ("'import' needs --permanent", "import"),
                ("'import' knows no option --decrypted", "import", "--decrypted"),
                ("'copy' needs --to", "copy"),
                ("only one blob", "export", "--permanent", "-", "--volatile", "-"),
                ("it was given before", "list", "--plugin-dir", "/")):
            with self.subTest(options=[command, *options]):
                self.refuse(2, text, command, *options)

    def test_a_command_must_be_named(self):
        done = run(ours("swtpm-state"))
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"say what to do: list, verify", done.stderr)

    def test_a_place_must_be_named_by_option_or_environment(self):
        command = [ours("swtpm-state"), "list", "--tpm2", "--plugin-dir", PLUGINS]
        environment = {"TPM_PATH": ""}
        done = run(*command, environment=environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"say where the state is", done.stderr)
        done = run(*command, environment={"TPM_PATH": self.state})
        self.assertEqual(done.returncode, 0)
        self.assertIn(PERMANENT, done.stdout.decode())

    def test_bad_arguments_name_their_option(self):
        for text, *options in (
                ("option --key: unknown sub-option 'fiel'", "--key", "fiel=x"),
                ("option --key: cannot open '/nonexistent'", "--key", "file=/nonexistent"),
                ("option --key: ", "--key", "none,"),
                ("crypto-rot13.so", "--key", self.keys.argument("raw128"), "--crypto", "rot13")):
            with self.subTest(options=options):
                self.refuse(1, text, "verify", *options)

    def test_a_storage_that_promises_less_is_used_only_by_who_says_so(self):
        def verify(sub_options):
            return run(ours("swtpm-state"), "verify", "--tpm2", "--plugin-dir", TEST_PLUGINS,
                       "--tpmstate", f"backend-uri=mem://here{sub_options}")

        for sub_options, text in (("", "cannot make state survive a loss of power; add fsync=false"),
                                  (",fsync=false", "cannot keep others from using the state; add "
                                                   "lock=false")):
            done = verify(sub_options)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"option --tpmstate: storage 'mem' {text}", done.stderr.decode())
        self.assertNotIn("storage 'mem' cannot",
                         verify(",fsync=false,lock=false").stderr.decode())

    # ---------------------------------------------------------------- list and verify

    def test_list_prints_name_size_and_encryption(self):
        done = swtpm_state("list", self.state)
        self.assertEqual(done.stdout.decode().splitlines(),
                         [f"{PERMANENT:<24} {916:8} bytes  plain",
                          f"{VOLATILE:<24} {816:8} bytes  plain"])

    def test_list_shows_a_tpm_of_each_version_side_by_side(self):
        old = "tpm-00.permall"
        state = make_state(self.path("both"), {**VALUES, old: plain_value(b"old")})
        both = swtpm_state("list", state, tpm2=False).stdout.decode().splitlines()
        self.assertEqual([line.split()[0] for line in both], [old, PERMANENT, VOLATILE])
        self.assertEqual(swtpm_state("list", state).stdout.decode().splitlines(), both[1:])

    def test_list_tells_what_is_damaged(self):
        with open(os.path.join(self.state, VOLATILE), "wb"):
            pass
        done = swtpm_state("list", self.state)
        self.assertRegex(done.stdout.decode(), rf"{VOLATILE} +0 bytes  damaged: it has 0 bytes")

    def test_an_empty_store_is_an_error(self):
        empty = make_state(self.path("empty"), {})
        for command, *options in (["list"], ["verify"], ["rekey", "--new-key", "none"]):
            self.refuse(1, "there is no state of a TPM 2", command, *options, state=empty)
        self.refuse(1, f"there is no state of a TPM in {empty}", "list", state=empty, tpm2=False)
        self.refuse(1, "there is no state of a TPM 1.2", "verify", tpm2=False)
        self.assertEqual(stored(empty), {})

    def test_a_store_that_does_not_exist_is_not_made(self):
        for command, *options in (["list"], ["verify"], ["rekey", "--new-key", "none"]):
            self.refuse(1, "No such file", command, *options, state=self.path("nowhere"))
        self.assertFalse(os.path.exists(self.path("nowhere")))

    def test_verify_counts_what_is_bad(self):
        with open(os.path.join(self.state, VOLATILE), "ab") as file:
            file.write(b"!")
        done = self.refuse(1, "1 of 2 values are bad", "verify")
        self.assertIn(f"{PERMANENT}: good, 900 bytes of state", done.stdout.decode())
        self.assertIn(f"state '{VOLATILE}' in {self.state}: damaged", done.stderr.decode())

    def test_verify_misses_a_lost_permanent_state(self):
        os.unlink(os.path.join(self.state, PERMANENT))
        self.refuse(1, "so it was lost", "verify")

    def test_a_running_tpm_keeps_everybody_out_but_list(self):
        key = self.keys.argument("raw128")
        with DebianSwtpm(tpm2=True, state_directory=self.path("running")) as swtpm:
            self.assertEqual(run("swtpm_ioctl", *swtpm.control_options, "-i").returncode, 0)
            state = self.path("running")
            before = stored(state)
            for command, *options in (["verify"], ["rekey", "--new-key", key],
                                      ["export", "--permanent", self.path("blob")],
                                      ["import", "--permanent", self.path("blob"), "--replace"],
                                      ["copy", "--to", f"dir={self.path('copy')}"]):
                self.refuse(1, "is locked by", command, *options, state=state)
            self.assertIn(PERMANENT, swtpm_state("list", state).stdout.decode())
            self.assertEqual(stored(state), before)
        self.assertFalse(os.path.exists(self.path("blob")))
        self.assertFalse(os.path.exists(self.path("copy")))

    # ---------------------------------------------------------------- list of many

    def many(self, *names):
        """An environment with the TPM of this test under each name; its URI."""
        uri = f"lmdb://{self.path('many.lmdb')}"
        for name in names:
            swtpm_state("copy", self.state, "--to", f"backend-uri={uri}?tpm={name}")
        return uri

    def list_at(self, uri, *options):
        return run(ours("swtpm-state"), "list", "--plugin-dir", PLUGINS, "--tpmstate",
                   f"backend-uri={uri}", *options)

    def change(self, uri, command, *options):
        done = run(ours("swtpm-state"), command, "--plugin-dir", PLUGINS, "--tpm2", "--tpmstate",
                   f"backend-uri={uri}", *options)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_list_shows_each_tpm_of_an_environment(self):
        names = ["first", "A.b_c-D", "-", ".", "_" * 128, "tpm"]
        uri = self.many(*names)
        self.change(f"{uri}?tpm=first", "rekey", "--new-key", self.keys.argument("gcm"))
        done = self.list_at(uri)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        lines = done.stdout.decode().splitlines()
        self.assertEqual(sorted(lines[::3]),
                         sorted(f"{uri}?tpm={name} (TPM 2)" for name in names))
        plain = swtpm_state("list", self.state).stdout.decode().splitlines()
        at = lines.index(f"{uri}?tpm=first (TPM 2)")
        self.assertRegex(lines[at + 1], rf"^{PERMANENT} +\d+ bytes  aes-256-gcm$")
        del lines[at:at + 3]
        self.assertEqual(lines[1::3] + lines[2::3], plain[:1] * 5 + plain[1:] * 5)

    def test_one_tpm_of_an_environment_is_listed_as_if_alone(self):
        uri = self.many("first", "second")
        self.assertEqual(self.list_at(f"{uri}?tpm=second").stdout,
                         swtpm_state("list", self.state).stdout)
        done = self.list_at(f"{uri}?tpm=third")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no TPM 'third'", done.stderr.decode())

    def test_parameters_of_an_environment_stay_with_each_tpm(self):
        uri = self.many("first").replace("many", "%6Dany") + "?mapsize=2G"
        self.assertEqual(self.list_at(uri).stdout.decode().splitlines()[0],
                         f"{uri}&tpm=first (TPM 2)")

    def test_list_of_many_tells_versions_apart_and_what_is_empty(self):
        old = make_state(self.path("old"), {"tpm-00.permall": plain_value(b"old")})
        uri = self.many("new")
        swtpm_state("copy", old, "--to", f"backend-uri={uri}?tpm=old", tpm2=False)
        listed = self.list_at(uri).stdout.decode().splitlines()
        self.assertEqual([line for line in listed if "lmdb" in line],
                         [f"{uri}?tpm=new (TPM 2)", f"{uri}?tpm=old (TPM 1.2)"])
        listed = self.list_at(uri, "--tpm2").stdout.decode().splitlines()
        self.assertEqual([line for line in listed if "lmdb" in line],
                         [f"{uri}?tpm=new (TPM 2)", f"{uri}?tpm=old (no state of a TPM 2)"])

    def test_an_environment_without_a_tpm_is_an_error(self):
        uri = f"lmdb://{self.path('many.lmdb')}"
        done = self.list_at(uri)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No such file", done.stderr.decode())
        self.assertFalse(os.path.exists(self.path("many.lmdb")))
        self.refuse(1, "it has 1 bytes", "copy", "--key", self.keys.argument("raw128"), "--to",
                    f"backend-uri={uri}?tpm=x", state=make_state(self.path("x"), {PERMANENT: b"x"}))
        self.assertIn(f"{uri}?tpm=x (no state)", self.list_at(uri).stdout.decode())

    def test_a_damaged_tpm_does_not_hide_the_others(self):
        uri = self.many("first", "third")
        other = make_state(self.path("other"), {PERMANENT: plain_value(b"sound" * 50)})
        swtpm_state("copy", other, "--to", f"backend-uri={uri}?tpm=second")
        path = os.path.join(self.path("many.lmdb"), "data.mdb")
        with open(path, "rb") as file:
            content = file.read()
        self.assertIn(b"sound" * 50, content)
        with open(path, "r+b") as file:
            file.write(content.replace(b"sound" * 50, b"wound" * 50))
        done = self.list_at(uri)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(),
                         rf"the value '{PERMANENT}' of TPM 'second': .* is damaged[^\n]*\n"
                         r".*1 of 3 TPMs in .* cannot be read\n$")
        self.assertEqual(done.stdout.decode().count(PERMANENT), 2)
        self.assertIn("?tpm=third", done.stdout.decode())

    def test_list_tells_that_an_environment_is_damaged(self):
        uri = self.many("first")
        path = os.path.join(self.path("many.lmdb"), "data.mdb")
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) // 2)
        done = self.list_at(uri)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), "many.lmdb' is damaged: .*restore it from a backup")

    def test_only_list_takes_a_whole_environment(self):
        uri = self.many("first")
        done = run(ours("swtpm-state"), "verify", "--plugin-dir", PLUGINS, "--tpm2",
                   "--tpmstate", f"backend-uri={uri}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("names no TPM; write PATH?tpm=NAME", done.stderr.decode())

    # ---------------------------------------------------------------- rekey

    def test_rekey_with_keys_from_descriptors(self):
        with open(self.path("128.hex"), "rb") as key, open(self.path("passphrase"), "rb") as phrase:
            for first, second in ((None, f"fd={key.fileno()}"),
                                  (f"fd={key.fileno()}", f"pwdfd={phrase.fileno()}")):
                key.seek(0)
                phrase.seek(0)
                old = ["--key", first] if first else []
                swtpm_state("rekey", self.state, *old, "--new-key", second,
                            pass_fds=(key.fileno(), phrase.fileno()))
        swtpm_state("verify", self.state, *self.keys.options("pbkdf2"))

    def test_one_descriptor_for_two_keys_is_refused(self):
        with open(self.path("128.hex"), "rb") as key:
            fd = key.fileno()
            self.refuse(1, f"options --key and --new-key name the same file descriptor {fd}",
                        "rekey", "--key", f"fd={fd}", "--new-key", f"pwdfd={fd}", pass_fds=(fd,))

    def test_rekey_stops_at_a_value_that_does_not_open(self):
        with open(os.path.join(self.state, VOLATILE), "ab") as file:
            file.write(b"!")
        self.refuse(1, f"nothing was changed: state '{VOLATILE}': damaged", "rekey", "--new-key",
                    self.keys.argument("gcm"))

    def test_a_public_key_file_gets_a_warning_without_its_content(self):
        os.chmod(self.path("128.hex"), 0o644)
        done = swtpm_state("rekey", self.state, "--new-key", self.keys.argument("raw128"))
        self.assertIn("warning: option --new-key: everybody on this machine can read",
                      done.stderr.decode())
        self.assertNotIn("00112233", done.stderr.decode())

    def test_an_interrupted_change_is_told_by_list_and_finished_by_verify(self):
        new = plain_value(b"the new one")
        values = {**VALUES, f"{PERMANENT}.new": new,
                  "tpm2-00.change": f"swtpm-state change 1\nput {PERMANENT}\n"
                                    f"remove {VOLATILE}\nend\n".encode()}
        state = make_state(self.path("half"), values)
        done = swtpm_state("list", state)
        self.assertIn("was interrupted", done.stderr.decode())
        self.assertEqual(stored(state), values)
        self.refuse(1, "is not finished", "verify", state=f"{state},lock=false")
        done = swtpm_state("verify", state)
        self.assertIn("finished the change", done.stderr.decode())
        self.assertEqual(stored(state), {PERMANENT: new})

    def test_a_damaged_journal_stops_everything(self):
        values = {**VALUES, "tpm2-00.change": b"swtpm-state change 1\nput /etc/passwd\nend\n"}
        state = make_state(self.path("half"), values)
        self.refuse(1, "the journal 'tpm2-00.change' of an unfinished change is damaged: line 2",
                    "verify", state=state)
        self.assertEqual(stored(state), values)

    # ---------------------------------------------------------------- export and import

    def test_an_exported_blob_is_private_and_never_overwrites(self):
        blob = self.path("blob")
        swtpm_state("export", self.state, "--permanent", blob)
        self.assertEqual(stat.S_IMODE(os.stat(blob).st_mode), 0o600)
        self.refuse(1, f"'{blob}' exists already", "export", "--permanent", blob)
        os.symlink(self.path("elsewhere"), self.path("link"))
        self.refuse(1, "'" + self.path("link") + "'", "export", "--volatile", self.path("link"))
        self.assertFalse(os.path.exists(self.path("elsewhere")))

    @unittest.skipIf(VARIANT == "coverage", "a limit on file sizes would stop gcov's report too")
    def test_an_export_that_cannot_be_written_leaves_no_file(self):
        blob = self.path("blob")
        limits = (100, 100)
        # Python ignores SIGXFSZ, and so does what it starts without restoring signals.
        self.refuse(1, f"cannot write '{blob}': File too large", "export", "--permanent", blob,
                    restore_signals=False,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
        self.assertFalse(os.path.exists(blob))

    def test_an_export_to_a_full_standard_output_says_so(self):
        with open("/dev/full", "wb") as full:
            self.refuse(1, "cannot write 'standard output': No space left", "export", "--permanent",
                        "-", stdout=full)

    def test_a_state_that_is_not_there_cannot_be_exported(self):
        self.refuse(1, "there is no state 'tpm2-00.savestate'", "export", "--permanent",
                    self.path("blob"), "--savestate", self.path("other"))
        self.assertFalse(os.path.exists(self.path("blob")))

    def test_blobs_through_standard_streams(self):
        target = make_state(self.path("target"), {})
        options = self.keys.options("gcm", "--migration-key")
        blob = swtpm_state("export", self.state, *options, "--permanent", "-").stdout
        self.assertEqual(blob[:2], b"\x80\x80")
        swtpm_state("import", target, *options, "--permanent", "-", input=blob)
        self.assertEqual(stored(target), {PERMANENT: VALUES[PERMANENT]})

    def test_import_never_replaces_a_tpm_by_mistake(self):
        blob = self.path("blob")
        swtpm_state("export", self.state, "--permanent", blob)
        self.refuse(1, "already; give --replace", "import", "--permanent", blob)
        swtpm_state("import", self.state, "--permanent", blob, "--replace")
        self.assertEqual(stored(self.state), {PERMANENT: VALUES[PERMANENT]})

    def test_other_states_go_with_a_permanent_one_only(self):
        blob = self.path("blob")
        swtpm_state("export", self.state, "--volatile", blob)
        empty = make_state(self.path("empty"), {})
        self.refuse(1, f"there is no '{PERMANENT}'", "import", "--volatile", blob, state=empty)
        os.unlink(os.path.join(self.state, VOLATILE))
        swtpm_state("import", self.state, "--volatile", blob)
        self.assertEqual(stored(self.state), VALUES)

    def test_what_is_no_blob_is_refused(self):
        for content in (b"", b"x" * 9, VALUES[PERMANENT], bytes(600 * 1024)):
            with open(self.path("blob"), "wb") as file:
                file.write(content)
            self.refuse(1, self.path("blob"), "import", "--replace", "--permanent",
                        self.path("blob"))

    def test_one_bad_blob_keeps_all_out(self):
        good, bad = self.path("good"), self.path("bad")
        swtpm_state("export", self.state, "--permanent", good, "--volatile", bad)
        with open(bad, "ab") as file:
            file.write(b"!")
        self.refuse(1, bad, "import", "--replace", "--permanent", good, "--volatile", bad)

    def test_required_encryption(self):
        blob = self.path("blob")
        swtpm_state("export", self.state, "--permanent", blob)
        self.refuse(1, "requires", "import", "--replace", "--permanent", blob, "--migration-key",
                    self.keys.argument("raw128") + ",require")

    # ---------------------------------------------------------------- copy

    def test_copy_to_a_database_and_back(self):
        uri = f"backend-uri=lmdb://{self.path('many.lmdb')}?tpm=first"
        swtpm_state("copy", self.state, "--to", uri)
        back = self.path("back")
        command = [ours("swtpm-state"), "copy", "--plugin-dir", PLUGINS, "--tpm2",
                   "--tpmstate", uri, "--to", f"dir={back}"]
        self.assertEqual(run(*command).returncode, 0)
        self.assertEqual(stored(back), VALUES)
        done = run(*command)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"there is a TPM in", done.stderr)

    def test_copy_of_nothing_makes_nothing(self):
        os.mkdir(self.path("empty"))
        for source, tpm2, words in ((self.path("empty"), True, "there is no TPM 2 in"),
                                    (self.state, False, "add --tpm2")):
            done = run(ours("swtpm-state"), "copy", "--plugin-dir", PLUGINS,
                       *(["--tpm2"] if tpm2 else []), "--tpmstate", f"dir={source}",
                       "--to", f"dir={self.path('copy')}")
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr.decode())
            self.assertFalse(os.path.exists(self.path("copy")))

    def test_copy_onto_itself_is_called_that(self):
        os.symlink(self.directory, self.path("link"))
        for place in self.state, f"{self.directory}/./state/", self.path("link/state"):
            self.refuse(1, SAME_PLACE, "copy", "--replace", "--to", f"dir={place}")
        database = f"lmdb://{self.path('database')}?tpm=one"
        swtpm_state("copy", self.state, "--to", f"backend-uri={database}")
        done = run(ours("swtpm-state"), "copy", "--plugin-dir", PLUGINS, "--tpm2", "--tpmstate",
                   f"backend-uri={database}", "--replace", "--to",
                   f"backend-uri=lmdb://{self.directory}/./database?tpm=one")
        self.assertEqual(done.returncode, 1)
        self.assertIn(SAME_PLACE, done.stderr.decode())

    def test_copy_onto_itself_by_another_mount_is_called_that(self):
        mounted = self.path("mounted")
        os.mkdir(mounted)
        mount = run("mount", "--bind", self.state, mounted)
        if mount.returncode != 0:
            self.skipTest(f"nothing can be mounted here: {mount.stderr.decode().strip()}")
        self.addCleanup(run, "umount", mounted)
        self.refuse(1, SAME_PLACE, "copy", "--replace", "--to", f"dir={mounted}")

    def test_copy_to_what_another_process_uses_names_that_process(self):
        other = make_state(self.path("other"), VALUES)
        with open(os.path.join(other, ".lock"), "wb") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            done = self.refuse(1, "option --to: cannot lock", "copy", "--replace", "--to",
                               f"dir={other}")
        self.assertIn(str(os.getpid()), done.stderr.decode())

    def test_copy_checks_with_a_key(self):
        self.refuse(1, f"state '{PERMANENT}': not encrypted", "copy", *self.keys.options("raw128"),
                    "--to", f"dir={self.path('copy')}")

    def test_copy_looks_at_what_it_copies_and_at_the_copy(self):
        flawed = trusted(os.path.join(BUILD_DIR, "tests/plugins/bad"))
        done = run(ours("swtpm-state"), "copy", "--plugin-dir", flawed, "--tpm2",
                   "--tpmstate", f"backend-uri=flawless://{self.state}",
                   "--to", f"backend-uri=loses-last-byte://{self.path('copy')}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not read back as it was written", done.stderr.decode())
        with open(os.path.join(self.state, PERMANENT), "r+b") as file:
            file.write(b"\xff")
        self.refuse(1, f"state '{PERMANENT}': ", "copy", "--to", f"dir={self.path('other')}")

    # ---------------------------------------------------------------- another user

    # ---------------------------------------------------------------- what cannot be written

    def read_only_places(self):
        """{kind: its place} on a file system that is mounted read-only, with this test's state."""
        medium = self.path("medium")
        os.mkdir(medium)
        mount = run("mount", "-t", "tmpfs", "none", medium)
        if mount.returncode != 0:
            self.skipTest(f"nothing can be mounted here: {mount.stderr.decode().strip()}")
        self.addCleanup(run, "umount", medium)
        places = {"dir": f"dir={medium}/dir", "file": f"backend-uri=file://{medium}/file",
                  "lmdb": f"backend-uri=lmdb://{medium}/lmdb?tpm=one"}
        for place in places.values():
            swtpm_state("copy", self.state, "--to", place)
        self.assertEqual(run("mount", "-o", "remount,ro", medium).returncode, 0)
        return places

    def use_place(self, place, command, *options):
        return run(ours("swtpm-state"), command, "--plugin-dir", PLUGINS, "--tpm2", "--tpmstate",
                   place, *options)

    def test_a_read_only_medium_is_read_without_its_lock(self):
        for kind, place in self.read_only_places().items():
            with self.subTest(storage=kind):
                blob, copy = self.path(f"{kind}.blob"), self.path(f"{kind}.copy")
                for command, *options in (("verify",), ("export", "--permanent", blob),
                                          ("copy", "--to", f"dir={copy}")):
                    done = self.use_place(f"{place},lock=false", command, *options)
                    self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertEqual(stored(copy), VALUES)

    def test_a_read_only_medium_is_named_with_what_to_do(self):
        for kind, place in self.read_only_places().items():
            with self.subTest(storage=kind):
                done = self.use_place(place, "verify")
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr.decode(),
                                 r"Read-only file system.*or add lock=false[^\n]*\n$")
                done = self.use_place(f"{place},lock=false", "rekey", "--new-key",
                                      self.keys.argument("gcm"))
                self.assertEqual(done.returncode, 1)
                self.assertIn("Read-only file system; make its file system writable\n",
                              done.stderr.decode())

    def test_a_link_in_an_environment_is_named_with_what_to_do(self):
        uri = self.many("first")
        data = os.path.join(self.path("many.lmdb"), "data.mdb")
        os.rename(data, self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), data)
        done = self.use_place(f"backend-uri={uri}?tpm=first", "verify")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"'{data}'", done.stderr.decode())
        self.assertIn("no link is followed here: put the file itself in its place",
                      done.stderr.decode())

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_the_file_that_may_not_be_written_is_named(self):
        nobody = pwd.getpwnam("nobody")
        uri = self.many("first")
        os.chmod(self.directory, 0o755)
        place = self.path("many.lmdb")
        os.chmod(place, 0o777)
        for name in os.listdir(place):
            os.chown(os.path.join(place, name), nobody.pw_uid, nobody.pw_gid)
        data = os.path.join(place, "data.mdb")
        os.chown(data, 0, 0)
        os.chmod(data, 0o600)
        done = self.use_place(f"backend-uri={uri}?tpm=first", "verify", "--runas", "nobody")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"'{data}' belongs to uid 0 with mode 0600 and this is uid {nobody.pw_uid}",
                      done.stderr.decode())

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_runas_makes_files_that_belong_to_that_user(self):
        nobody = pwd.getpwnam("nobody")
        os.chmod(self.directory, 0o755)
        for path in [self.state, *(os.path.join(self.state, name) for name in VALUES)]:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        # The key is root's: it is read before root goes.
        swtpm_state("rekey", self.state, "--new-key", self.keys.argument("gcm"),
                    "--runas", "nobody")
        for name in VALUES:
            self.assertEqual(os.stat(os.path.join(self.state, name)).st_uid, nobody.pw_uid)
        swtpm_state("verify", self.state, *self.keys.options("gcm"), "--runas", "nobody")


