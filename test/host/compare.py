"""compare.py - what two daemons made the same client print, compared.

Texts line by line, JSON as trees; all that must differ (ids, times, names of
this host ...) is replaced by a word first. The result is a list of lines, one
per difference:

    - LINE            only the real daemon's client printed it
    + LINE            only ours
    A.B[0].C: missing | not in the real one | real VALUE, ours VALUE
"""
import difflib
import json
import re

UNITS = r"(?:second|minute|hour|day)s?"
WORDS = [
    (re.compile(p), w) for p, w in [
        (r"sha256:[0-9a-f]{12,64}", "DIGEST"),
        (r"\b[0-9a-f]{64}\b", "HEX"),
        (r"\b(?=[0-9a-z]*[0-9])[0-9a-z]{25}\b", "ID"),
        (r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}", "TOKEN"),
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "TIME"),
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} \w+\b", "TIME"),
        (r"([Ll]ess than a second|About an? (minute|hour)|\d+ %s)( ago)?"
         % UNITS, "AGO"),
        (r"\bUp AGO", "UP"),
    ]
]


def words(text, names):
    """names: what only this daemon says, to what both would say."""
    for old, new in names:
        text = text.replace(old, new)
    for pattern, word in WORDS:
        text = pattern.sub(word, text)
    return text


def short_ids(text):
    """A table's ids are cut: 12 characters that look like no word."""
    text = re.sub(r"^([\\_ ]*)[0-9a-z]{12}(?= |$)", r"\1ID", text, flags=re.M)
    return re.sub(r"(?<![\w.-])(?=[0-9a-z]*\d)(?=[0-9a-z]*[a-z])"
                  r"[0-9a-z]{12}(?![\w-])", "ID", text)


def lines(text, names):
    text = short_ids(words(text, names))
    return [re.sub(r" {2,}|\t", " | ", l.strip("\n").rstrip())
            for l in text.splitlines()]


def compare_lines(real, ours, real_names, our_names, order):
    diff = difflib.unified_diff(order(lines(real, real_names)),
                                order(lines(ours, our_names)), lineterm="",
                                n=0)
    return [l[0] + " " + l[1:] for l in diff
            if not l.startswith(("---", "+++", "@@"))]


def scalar(v, names, path):
    if isinstance(v, int) and path.endswith("Version.Index"):
        return 0
    if isinstance(v, str):
        return short_ids(words(v, names))
    return v


def show(v):
    return json.dumps(v)[:200]


def compare_trees(real, ours, real_names, our_names, path=""):
    if isinstance(real, dict) and isinstance(ours, dict):
        real = {words(k, real_names): v for k, v in real.items()}
        ours = {words(k, our_names): v for k, v in ours.items()}
        found = []
        for k in sorted(real.keys() | ours.keys()):
            where = f"{path}.{k}" if path else k
            if k not in ours:
                found.append(f"{where}: missing, real {show(real[k])}")
            elif k not in real:
                found.append(
                    f"{where}: not in the real one, ours {show(ours[k])}")
            else:
                found += compare_trees(real[k], ours[k], real_names,
                                       our_names, where)
        return found
    if isinstance(real, list) and isinstance(ours, list):
        if len(real) != len(ours):
            return [f"{path}: real {show(real)}, ours {show(ours)}"]
        found = []
        for i, (r, o) in enumerate(zip(real, ours)):
            found += compare_trees(r, o, real_names, our_names,
                                   f"{path}[{i}]")
        return found
    a, b = scalar(real, real_names, path), scalar(ours, our_names, path)
    if type(a) is not type(b) or a != b:
        return [f"{path}: real {show(a)}, ours {show(b)}"]
    return []


def tree(text):
    """All JSON values of text, or None when it is not JSON."""
    decoder, values, at = json.JSONDecoder(), [], 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return values or None
        if text[at] not in "[{":
            return None
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            return None
        values.append(value)


def compare(real, ours, real_names=(), our_names=(), unordered=False):
    a, b = tree(real), tree(ours)
    order = sorted if unordered else list
    if a is not None and b is not None:
        if unordered:
            a = sorted(a, key=lambda v: scalar(json.dumps(v), real_names, ""))
            b = sorted(b, key=lambda v: scalar(json.dumps(v), our_names, ""))
        return compare_trees(a, b, real_names, our_names)
    return compare_lines(real, ours, real_names, our_names, order)
