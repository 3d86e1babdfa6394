"""Words with times -> cues that the lint's Netflix profile accepts -> SRT and WebVTT.

Pure. The limits are those of nf_lint_profile_get("netflix"): two lines of 42, 5/6 s to 7 s, two
frames between cues, 20 characters a second (src/caption/lint.c); what speech itself breaks, such
as someone who speaks faster than that, stays as it was said.
"""

LINE_CHARS = 42
LINES = 2
SHORTEST_S, LONGEST_S, GAP_S = 0.834, 7.0, 0.084
PAUSE_S = 0.7  # a silence that ends a cue
SENTENCE_END = (".", "?", "!", "…", "。", "？", "！")
CLAUSE_END = (",", ";", ":", "—", "、", "，")


def lines_of(text):
    """Two lines at most, as even as the words allow, better after punctuation; None: no way."""
    if len(text) <= LINE_CHARS:
        return [text]
    best = None
    for at, char in enumerate(text):
        if char != " ":
            continue
        top, bottom = text[:at], text[at + 1 :]
        if len(top) > LINE_CHARS or len(bottom) > LINE_CHARS:
            continue
        cost = abs(len(top) - len(bottom)) - (12 if top.endswith(CLAUSE_END + SENTENCE_END) else 0)
        if best is None or cost < best[0]:
            best = (cost, [top, bottom])
    if best is not None:
        return best[1]
    if " " in text or len(text) > LINE_CHARS * LINES:
        return None
    return [text[:LINE_CHARS], text[LINE_CHARS:]]  # a language without spaces


def pieces(word):
    """A word longer than any line is cut; all others come back whole."""
    return [word[i : i + LINE_CHARS] for i in range(0, len(word), LINE_CHARS)] or [word]


def groups(words):
    """Lists of words that make one cue each."""
    group = []
    for start, end, text in words:
        for piece in pieces(text.strip()):
            joiner = " " if text.startswith(" ") or not group else ""
            if group:
                whole = said(group) + joiner + piece
                pause = start - group[-1][1] >= PAUSE_S
                ended = group[-1][2].endswith(SENTENCE_END) and len(said(group)) > LINE_CHARS // 2
                long = end - group[0][0] > LONGEST_S or lines_of(whole) is None
                if pause or ended or long:
                    yield group
                    group = []
            group.append((start, end, (joiner if group else "") + piece))
    if group:
        yield group


def said(group):
    return "".join(text for _, _, text in group).strip()


def cues(words):
    """[(start_ms, end_ms, [line, ...])] in order, not overlapping."""
    found = []
    kept = [(s, max(e, s), t) for s, e, t in words if t.strip()]
    for group in groups(kept):
        found.append([group[0][0], group[-1][1], lines_of(said(group))])
    for i, cue in enumerate(found):
        after = found[i + 1][0] - GAP_S if i + 1 < len(found) else float("inf")
        wanted = max(cue[0] + SHORTEST_S, cue[1], cue[0] + sum(map(len, cue[2])) / 20 + 0.001)
        cue[1] = max(min(wanted, after, cue[0] + LONGEST_S), cue[0] + 0.001)
    return [(round(s * 1000), round(e * 1000), lines) for s, e, lines in found]


def clock(ms, mark):
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def srt(found):
    return "".join(
        f"{i}\n{clock(start, ',')} --> {clock(end, ',')}\n" + "\n".join(lines) + "\n\n"
        for i, (start, end, lines) in enumerate(found, 1)
    )


def vtt(found):
    text = "WEBVTT\n\n"
    for start, end, lines in found:
        body = "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text += f"{clock(start, '.')} --> {clock(end, '.')}\n{body}\n\n"
    return text
