# SPDX-License-Identifier: BSD-3-Clause
"""Real work on a TPM 2 by tpm2-tools, which knows nothing of this project."""

import os
import shutil
import tempfile
import unittest

from device import Tpm, must, run

SIGNING_KEY = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign"
NV_INDEX = "0x1500001"
PERSISTENT_HANDLE = "0x81000001"


class Tpm2Tools(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.tpm = Tpm("foo", "--tpm2")
        cls.addClassCleanup(cls.tpm.remove)
        cls.tpm.start().initialise()
        cls.environment = {**os.environ, "TPM2TOOLS_TCTI": f"device:{cls.tpm.path}"}
        must("tpm2_startup", "-c", env=cls.environment)

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="tpm2-tools.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.write("message", b"attack at dawn\n")

    def write(self, name, content):
        with open(os.path.join(self.directory, name), "wb") as file:
            file.write(content)

    def try_tool(self, tool, *arguments):
        return run(f"tpm2_{tool}", *arguments, env=self.environment, cwd=self.directory)

    def tool(self, tool, *arguments):
        return must(f"tpm2_{tool}", *arguments, env=self.environment, cwd=self.directory)

    def flush(self):
        """There is no resource manager, and the TPM has room for three objects."""
        self.tool("flushcontext", "-t")

    def make_signing_key(self, context):
        self.tool("createprimary", "-G", "ecc256:ecdsa-sha256:null", "-a", SIGNING_KEY,
                  "-c", context)
        self.flush()
        self.tool("readpublic", "-c", context, "-f", "pem", "-o", f"{context}.pem")
        self.flush()

    def test_random_numbers_differ(self):
        first = self.tool("getrandom", "--hex", "16")
        second = self.tool("getrandom", "--hex", "16")
        self.assertRegex(first, "^[0-9a-f]{32}$")
        self.assertNotEqual(first, second)

    def test_a_key_below_an_rsa_key_signs(self):
        self.tool("createprimary", "-G", "rsa2048", "-c", "parent")
        self.flush()
        self.tool("create", "-C", "parent", "-G", "ecc256", "-u", "key.pub", "-r", "key.priv")
        self.flush()
        self.tool("load", "-C", "parent", "-u", "key.pub", "-r", "key.priv", "-c", "key")
        self.flush()
        self.tool("sign", "-c", "key", "-g", "sha256", "-o", "signature", "message")
        self.flush()
        verify = ("verifysignature", "-c", "key", "-g", "sha256", "-s", "signature", "-m")
        self.tool(*verify, "message")
        self.flush()
        self.write("forgery", b"attack at dusk\n")
        refused = self.try_tool(*verify, "forgery")
        self.flush()
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("signature is not valid", refused.stderr)

    def test_a_quote_verifies_outside_the_tpm(self):
        self.make_signing_key("key")
        self.tool("quote", "-c", "key", "-l", "sha256:0,16", "-q", "c0ffee", "-m", "quote",
                  "-s", "signature", "-o", "pcrs")
        self.flush()
        check = ("checkquote", "-u", "key.pem", "-m", "quote", "-s", "signature", "-f", "pcrs", "-q")
        self.tool(*check, "c0ffee")
        self.assertNotEqual(self.try_tool(*check, "c0ffef").returncode, 0)

    def test_an_extended_pcr_changes(self):
        before = self.tool("pcrread", "sha256:16")
        self.tool("pcrextend", "16:sha256=" + 32 * "5a")
        self.assertNotEqual(self.tool("pcrread", "sha256:16"), before)

    def test_what_is_persistent_outlives_the_process(self):
        self.tool("nvdefine", NV_INDEX, "-s", "9", "-C", "o")
        self.write("data", b"kept data")
        self.tool("nvwrite", NV_INDEX, "-C", "o", "-i", "data")
        self.make_signing_key("key")
        self.tool("evictcontrol", "-C", "o", "-c", "key", PERSISTENT_HANDLE)
        self.flush()

        self.tpm.stop()
        self.tpm.start().initialise()
        self.tool("startup", "-c")

        self.assertEqual(self.tool("nvread", NV_INDEX, "-C", "o", "-s", "9"), "kept data")
        self.tool("readpublic", "-c", PERSISTENT_HANDLE, "-f", "pem", "-o", "again.pem")
        with open(os.path.join(self.directory, "key.pem"), encoding="ascii") as before, \
             open(os.path.join(self.directory, "again.pem"), encoding="ascii") as after:
            self.assertEqual(after.read(), before.read())
        self.tool("sign", "-c", PERSISTENT_HANDLE, "-g", "sha256", "-s", "ecdsa", "-o", "signature",
                  "message")


if __name__ == "__main__":
    unittest.main()
