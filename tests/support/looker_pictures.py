"""Layouts of the pages in docs/looker-studio.md, with the numbers of its steps; `./run docs` draws them."""

import math
import statistics
from xml.sax.saxutils import escape

INK, SOFT, LINE, PAPER, PAGE, ACCENT = "#1c2126", "#4f5963", "#d3d1cb", "#ffffff", "#f6f5f2", "#2f5d7c"
# Colors of the emotions as in the report, and of a heat map from neutral to negative.
EMOTIONS = {
    "anger": "#b8312f",
    "disgust": "#bd8410",
    "fear": "#7d55b0",
    "sadness": "#1d3a78",
    "happiness": "#12a396",
    "neutral": "#d3d7dc",
    "uncertain": "#eceef0",
}
HEAT = ("#f0ede7", "#f3d3c4", "#e3a08f", "#c8605a", "#96222a")


def rect(x, y, width, height, fill=PAPER, stroke="none", round_=0):
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{round_}" fill="{fill}" stroke="{stroke}"/>'


def text(x, y, words, size=13, fill=INK, weight=400, anchor="start"):
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" font-weight="{weight}" text-anchor="{anchor}">'
        f"{escape(str(words))}</text>"
    )


def line(points, stroke=ACCENT, width=2):
    joined = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{stroke}" stroke-width="{width}"/>'


def numbered(number, x, y):
    return [f'<circle cx="{x}" cy="{y}" r="11" fill="{ACCENT}"/>', text(x, y + 4.5, number, 12, PAPER, 600, "middle")]


def box(number, x, y, width, height, title):
    """The frame of a chart, with its number and title."""
    frame = rect(x, y, width, height, stroke=LINE, round_=6)
    return [frame, *numbered(number, x + 20, y + 21), text(x + 38, y + 26, title, 14, weight=600)]


def page(name, height, title, *parts):
    drawn = "\n".join(piece for part in parts for piece in part)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 {height}" role="img" '
        f'font-family="system-ui, sans-serif"><title>{escape(title)}</title>\n'
        f"{rect(0, 0, 1200, height, PAGE)}\n{text(24, 44, title, 22, weight=600)}\n{drawn}\n</svg>\n"
    )
    return name, svg


def controls(*names):
    parts = []
    for place, name in enumerate(names):
        x = 1176 - 190 * (len(names) - place)
        parts += [rect(x, 20, 180, 36, stroke=LINE, round_=18), text(x + 16, 43, f"{name}  ▾", 13, SOFT)]
    return [*parts, *numbered(1, 1176 - 190 * len(names) - 18, 38)]


def scorecards():
    names = ("Calls", "Needs review", "Negativity", "Escalated", "Recovered")
    figures = (("1,284", "▲ 6%"), ("97", "▼ 11%"), ("18%", "▼ 2%"), ("41", "▲ 3%"), ("63", "▲ 9%"))
    parts = [*box(2, 24, 76, 1152, 110, "Scorecards, compared with the previous period")]
    for place, (name, (figure, change)) in enumerate(zip(names, figures, strict=True)):
        x = 48 + 226 * place
        parts += [
            text(x, 134, name, 13, SOFT),
            text(x, 166, figure, 26, weight=600),
            text(x + 96, 166, change, 13, SOFT),
        ]
    return parts


def emotions():
    shares = (0.05, 0.02, 0.03, 0.04, 0.12, 0.62, 0.12)
    parts, x = [*box(3, 24, 202, 1152, 100, "Emotions in customers' speech: 100% stacked bar")], 48.0
    for (name, color), share in zip(EMOTIONS.items(), shares, strict=True):
        width = 1104 * share
        parts.append(rect(round(x, 1), 242, round(width, 1), 26, color))
        if share > 0.04:
            on = INK if name in ("neutral", "uncertain", "happiness") else PAPER
            parts.append(text(round(x + 8, 1), 259, name if share > 0.1 else "", 12, on))
        x += width
    return [
        *parts,
        text(48, 290, "anger, disgust, fear, sadness, happiness, neutral, uncertain: in this order", 12, SOFT),
    ]


def trend():
    days = [round(26 + 7 * math.sin(i) + 4 * math.cos(2.3 * i)) for i in range(28)]
    weeks = [statistics.mean(days[max(0, i - 6) : i + 1]) for i in range(28)]
    dots, week = (
        [(60 + 24.5 * i, 545 - 7 * (value - 12)) for i, value in enumerate(values)] for values in (days, weeks)
    )
    circles = [f'<circle cx="{x:g}" cy="{y:g}" r="3" fill="{SOFT}"/>' for x, y in dots]
    return [
        *box(4, 24, 318, 720, 250, "Negativity: each day, and the mean of seven days"),
        *circles,
        line(week),
    ]


def heat_map():
    parts = [*box(5, 760, 318, 416, 250, "Weekday by hour")]
    for row, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")):
        parts.append(text(778, 376 + 26 * row, day, 12, SOFT))
        for column in range(12):
            shade = (row * 3 + column * column + row * column) % 11 // 2
            parts.append(rect(816 + 29 * column, 360 + 26 * row, 27, 24, HEAT[min(shade, 4)]))
    return [*parts, text(816, 560, "8", 12, SOFT), text(1150, 560, "19", 12, SOFT, anchor="end")]


def table(number, x, y, width, height, title, columns, rows):
    """Columns are (name, offset); a float in a row becomes a bar of that share."""
    parts = [*box(number, x, y, width, height, title)]
    for name, offset in columns:
        parts.append(text(x + offset, y + 56, name, 12, SOFT))
    for place, row in enumerate(rows):
        at = y + 82 + 26 * place
        parts.append(rect(x + 20, at - 18, width - 40, 1, LINE))
        for (_, offset), value in zip(columns, row, strict=True):
            drawn = (
                [
                    rect(x + offset, at - 10, round(110 * value), 12, "#b4534a"),
                    text(x + offset + 118, at, f"{value:.0%}", 12),
                ]
                if isinstance(value, float)
                else [text(x + offset, at, value, 12)]
            )
            parts += drawn
    return parts


def overview():
    queues = [
        ("billing", "412", 0.31, "48"),
        ("technical", "388", 0.19, "27"),
        ("delivery", "301", 0.14, "15"),
        ("sales", "183", 0.09, "7"),
    ]
    calls = [
        ("2 Nov 09:14", "1001", "billing", "more negative at the end (70%) than at the start (15%)", "▶ 1:25"),
        ("2 Nov 11:40", "1002", "delivery", "negative at the end (52%); angry for 24 s", "▶ 0:42"),
        ("3 Nov 16:22", "1009", "billing", "angry for 12 s", "▶ 3:07"),
    ]
    return page(
        "looker-studio-overview.svg",
        990,
        "How customers sound",
        controls("Date range", "Queue", "Agent"),
        scorecards(),
        emotions(),
        trend(),
        heat_map(),
        table(
            6,
            24,
            584,
            568,
            200,
            "Queues",
            [("queue", 20), ("calls", 160), ("negativity", 230), ("needs review", 430)],
            queues,
        ),
        table(
            7,
            608,
            584,
            568,
            200,
            "What changed: the first three insights",
            [("sentence", 20)],
            [
                ("billing: negative 18% → 27% since 2 November, most of the overall change",),
                ("delivery, Mondays 9:00 to 12:00: negative 34%, otherwise 16%",),
            ],
        ),
        table(
            8,
            24,
            800,
            1152,
            170,
            "Calls to review",
            [("started", 20), ("call", 160), ("queue", 280), ("reason", 430), ("listen", 1000)],
            calls,
        ),
    )


def one_call():
    bins = [8, 12, 10, 22, 30, 26, 41, 58, 66, 49, 72, 70]
    points = [(80 + 92 * i, 330 - 2.6 * value) for i, value in enumerate(bins)]
    talk = []
    for place in range(12):
        for lane, (fill, share) in enumerate((("#b9c4cd", (place * 5 % 7) / 7), (ACCENT, ((place + 3) * 4 % 9) / 9))):
            talk.append(rect(62 + 92 * place + 20 * lane, round(520 - 110 * share), 18, round(110 * share), fill))
    moments = [("1", "▶ 1:25", "anger", 0.80, "6.4"), ("2", "▶ 1:40", "fear", 0.51, "2.0")]
    return page(
        "looker-studio-call.svg",
        760,
        "One call",
        controls("Call"),
        [
            *box(2, 24, 76, 1152, 280, "Negativity of the customer in bins of ten seconds"),
            line(points, "#b4534a", 3),
        ],
        [*box(3, 24, 372, 1152, 180, "Talk share of agent and customer in bins of ten seconds"), *talk],
        table(
            4,
            24,
            568,
            1152,
            160,
            "Worst moments",
            [("rank", 20), ("listen", 120), ("emotion", 260), ("negativity", 420), ("negative seconds", 660)],
            moments,
        ),
    )


def drawings():
    """All pictures: file name and content."""
    return dict((overview(), one_call()))
