# SPDX-License-Identifier: BSD-3-Clause
"""The files, links and tests that the documents name exist: this finds what was renamed."""

import glob
import os
import re
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ("core", "plugins", "tests", "doc", "debian")

# Files that an author of a plugin makes.
EXAMPLES = {"debian/swtpm-cuse-storage-mine.install", "storage-mine.c"}


def documents():
    return ["README.md", *sorted(glob.glob("doc/*.md", root_dir=TOP))]


def text_of(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def tree():
    """The paths of all files but those that are built."""
    return [os.path.relpath(os.path.join(directory, name), TOP)
            for folder in FOLDERS
            for directory, _, names in os.walk(os.path.join(TOP, folder))
            if not directory.endswith("__pycache__")
            for name in names] + os.listdir(TOP)


def anchors(markdown):
    """The places in a document to which a link can lead."""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)}


class Names(unittest.TestCase):
    def check_names(self, pattern, exists):
        """Each text that matches names something that exists."""
        missing = {f"{document}: {name}" for document in documents()
                   for name in re.findall(pattern, text_of(document))
                   if name not in EXAMPLES and not exists(name)}
        self.assertEqual(missing, set())

    def test_files(self):
        self.check_names(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./-]*\w",
                         lambda path: os.path.exists(os.path.join(TOP, path)))

    def test_files_that_are_named_by_the_end_of_their_path(self):
        paths = [f"/{path}" for path in tree()]
        self.check_names(r"(?<![\w./-])[\w-]+(?:/[\w-]+)*\.(?:c|h|py|md|ninja|svg|list)\b",
                         lambda name: any(path.endswith(f"/{name}") for path in paths))

    def test_tests(self):
        paths = tree()
        sources = "\n".join(text_of(path) for path in paths
                            if re.match(r"tests/(?!fuzz/corpus).*\.(py|c|h)$", path))
        modules = {os.path.basename(path).partition(".")[0] for path in paths}
        self.check_names(r"\btest_\w+", lambda name: name in sources or name in modules)

    def test_links(self):
        for document in documents():
            for target in re.findall(r"\]\(([^):]+)\)", text_of(document)):
                path, _, anchor = target.partition("#")
                path = os.path.join(os.path.dirname(document), path) if path else document
                with self.subTest(document=document, link=target):
                    self.assertTrue(os.path.exists(os.path.join(TOP, path)))
                    self.assertTrue(not anchor or anchor in anchors(text_of(path)))


if __name__ == "__main__":
    unittest.main()
