# SPDX-License-Identifier: BSD-3-Clause
"""Markdown for the figures, fit to be read in a terminal too, and where it goes in the
documentation."""

from svg import number


def table(header, rows):
    """The first column is text and the others are figures; those that are no texts yet are given
    as many digits as tell something."""
    rows = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells):
        padded = [cell.ljust(width) if i == 0 else cell.rjust(width)
                  for i, (cell, width) in enumerate(zip(cells, widths))]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join([line(header), line(rule), *map(line, rows)])


def ratio(value):
    return f"{value:.2f} ×"


def median_p99(figures):
    return f"{number(figures['median'])} ({number(figures['p99'])})"


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
