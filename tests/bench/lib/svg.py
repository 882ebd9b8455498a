# SPDX-License-Identifier: BSD-3-Clause
"""Plots as SVG, without any library: bars side by side or stacked, and lines.

The colours can be told apart by those who see colours differently (Okabe and Ito), and the
background is white, so that a plot can be read on a dark page too.
"""

import math
from xml.sax.saxutils import escape

COLOURS = {"blue": "#0072B2", "orange": "#E69F00", "grey": "#B8BDC4", "light": "#DDE1E6",
           "green": "#009E73", "red": "#D55E00", "sky": "#56B4E9", "pink": "#CC79A7"}
INK, FAINT, GRID = "#1F2933", "#52606D", "#E4E7EB"
FONT = "font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\""


class Canvas:
    """Collects elements."""

    def __init__(self, width, height, title, subtitle=""):
        self.width, self.height = width, height
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" {FONT}>',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>']
        self.text(20, 30, title, size=17, weight="bold")
        if subtitle:
            self.text(20, 51, subtitle, size=12, colour=FAINT)

    def rectangle(self, x, y, width, height, colour):
        self._parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
                           f'height="{max(height, 0):.1f}" fill="{colour}"/>')

    def line(self, x1, y1, x2, y2, colour=GRID, width=1, dash=""):
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                           f'stroke="{colour}" stroke-width="{width}"{dashes}/>')

    def path(self, points, colour, width=2.2):
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{text}" fill="none" stroke="{colour}" '
                           f'stroke-width="{width}" stroke-linejoin="round"/>')

    def dot(self, x, y, colour, radius=3.6):
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>')

    def text(self, x, y, text, size=12, colour=INK, anchor="start", weight="normal", turn=None):
        rotation = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn is not None else ""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
                           f'text-anchor="{anchor}" font-weight="{weight}"{rotation}>'
                           f"{escape(text)}</text>")

    def legend(self, entries, x, y):
        for label, colour in entries:
            self.rectangle(x, y - 10, 12, 12, colour)
            self.text(x + 18, y, label, size=12)
            x += 18 + 6.9 * len(label) + 22

    def svg(self):
        return "\n".join([*self._parts, "</svg>", ""])


def number(value):
    """As many digits as tell something."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def nice_step(limit, steps=5):
    """The distance between ticks: 1, 2 or 5 times a power of ten."""
    raw = limit / steps
    power = 10 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)


class Linear:
    """Values to pixels."""

    def __init__(self, top, start, end):
        self.step = nice_step(top)
        self.top = math.ceil(top / self.step - 1e-9) * self.step
        self.start, self.end = start, end

    def __call__(self, value):
        return self.start + (self.end - self.start) * value / self.top

    def ticks(self):
        return [i * self.step for i in range(round(self.top / self.step) + 1)]


class Logarithmic:
    def __init__(self, bottom, top, start, end):
        self.low = math.floor(math.log10(bottom) + 1e-9)
        self.high = math.ceil(math.log10(top) - 1e-9)
        self.high = max(self.high, self.low + 1)
        self.start, self.end = start, end

    def __call__(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * max(share, 0)

    def ticks(self):
        return [10 ** exponent for exponent in range(self.low, self.high + 1)]


def tick_label(value):
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"


# ------------------------------------------------------------------------------------------- bars

BAR, GAP = 15, 14


def _value_axis(canvas, scale, top, bottom, unit):
    for tick in scale.ticks():
        x = scale(tick)
        canvas.line(x, top, x, bottom)
        canvas.text(x, bottom + 16, tick_label(tick), size=11, colour=FAINT, anchor="middle")
    canvas.text((scale.start + scale.end) / 2, bottom + 34, unit, size=12, colour=FAINT,
                anchor="middle")


def bars(title, subtitle, unit, series, groups, logarithmic=False, label_width=190):
    """Horizontal bars.  `series`: [(name, colour)]; `groups`: [(label, [value or parts])], where
    parts is a list of (value, colour) that are stacked; None leaves a bar out.  The legend shows
    `series`, which may name more colours than there are bars."""
    rows = [sum(bar is not None for bar in values) for _, values in groups]
    top, width = 88, 820
    height = top + sum(BAR * row + GAP for row in rows) + 56
    canvas = Canvas(width, height, title, subtitle)
    totals = [_total(bar) for _, values in groups for bar in values if bar is not None]
    ends = (label_width, width - 78)
    scale = (Logarithmic(min(totals) * 0.8, max(totals), *ends) if logarithmic
             else Linear(max(totals), *ends))
    bottom = height - 50
    canvas.legend([(name, COLOURS[colour]) for name, colour in series], label_width, 76)
    _value_axis(canvas, scale, top, bottom, unit)
    y = top + GAP / 2
    for (label, values), row in zip(groups, rows):
        canvas.text(label_width - 10, y + BAR * row / 2 + 4, label, anchor="end")
        for index, bar in enumerate(values):
            if bar is not None:
                _bar(canvas, scale, y, bar, COLOURS[series[index][1]])
                y += BAR
        y += GAP
    canvas.line(label_width, top, label_width, bottom, colour=FAINT)
    return canvas.svg()


def _total(bar):
    return sum(value for value, _ in bar) if isinstance(bar, list) else bar


def _bar(canvas, scale, y, bar, colour):
    parts = bar if isinstance(bar, list) else [(bar, None)]
    before = 0
    for value, name in parts:
        left = scale(before) if before > 0 else scale.start
        canvas.rectangle(left, y + 1, scale(before + value) - left, BAR - 2,
                         COLOURS[name] if name else colour)
        before += value
    canvas.text(scale(before) + 5, y + BAR - 3.5, number(before), size=11)


# ------------------------------------------------------------------------------------------ lines

def lines(title, subtitle, axes, series, logarithmic=(True, True)):
    """`axes`: (label of x, label of y); `series`: [(name, colour, [(x, y)])]."""
    width, height = 820, 420
    canvas = Canvas(width, height, title, subtitle)
    canvas.legend([(name, COLOURS[colour]) for name, colour, _ in series], 76, 76)
    xs = [x for _, _, points in series for x, _ in points]
    ys = [y for _, _, points in series for _, y in points]
    left, right, top, bottom = 76, width - 40, 96, height - 58
    x_scale = (Logarithmic(min(xs), max(xs), left, right) if logarithmic[0]
               else Linear(max(xs), left, right))
    y_scale = (Logarithmic(min(ys), max(ys), bottom, top) if logarithmic[1]
               else Linear(max(ys) * 1.05, bottom, top))
    for tick in y_scale.ticks():
        canvas.line(left, y_scale(tick), right, y_scale(tick))
        canvas.text(left - 8, y_scale(tick) + 4, tick_label(tick), size=11, colour=FAINT,
                    anchor="end")
    _value_axis(canvas, x_scale, top, bottom, axes[0])
    canvas.text(20, (top + bottom) / 2, axes[1], size=12, colour=FAINT, anchor="middle", turn=-90)
    canvas.line(left, bottom, right, bottom, colour=FAINT)
    canvas.line(left, top, left, bottom, colour=FAINT)
    for _, colour, points in series:
        places = [(x_scale(x), y_scale(y)) for x, y in points]
        canvas.path(places, COLOURS[colour])
        for x, y in places:
            canvas.dot(x, y, COLOURS[colour])
    return canvas.svg()
