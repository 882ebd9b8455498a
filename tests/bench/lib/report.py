# SPDX-License-Identifier: BSD-3-Clause
"""Markdown for the figures, and where they go in the documentation."""


def table(header, rows):
    """A Markdown table: the first column is text, the others are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def replace_section(path, name, command, text):
    """Puts `text` between the marks `<!-- begin NAME -->` and `<!-- end NAME -->` of a file, with
    the command that made it.  ValueError if the file has no such marks."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    with open(path, encoding="utf-8") as file:
        old = file.read()
    before, found_begin, rest = old.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{path} has no marks for the section '{name}'")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{begin}\n{text}\n\nMade by `{command}`.\n\n{end}{after}")
