#!/usr/bin/env python3
"""The scoreboard of edits: runs the product's own CLI over lines as captions and reports what came.

  python model/score [--set FILE.tsv]... [--task fix] [--adapter FILE.gguf | none] [--model FILE]
                     [--nearfield build/native/nearfield] [--threads N] [--jfleg FOLDER] [--json]
                     [--nothing | --harper | --model-alone] [--said FILE]
--set    lines as ../DATA.md has them; default: the task's test set in model/eval.
         --jfleg FOLDER: test.src and test.ref0..3, read only.
--nothing  scores doing nothing, --harper the rule engine Harper (its first suggestions), both
         without the CLI. --model-alone: what is not offered, too, and without rules of ours.
--said FILE  every line and its answer, as JSON: "sure" is how much likelier than the line the model
         held it, in nats, "kinds" what it changes (src/edit/gate.h).
Owns arguments and the CLI's run; the arithmetic is that of measures.py (fix), sari.py (the other
tasks) and shortened.py. ERRANT and Harper, for fix: setup.sh.
"""
import argparse
import functools
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "train"))
import edits  # noqa: E402
import measures  # noqa: E402
import sari  # noqa: E402
import shortened  # noqa: E402

HARPER = "harper-2.10.0"
CPS = 10.0  # shorten: a line's limit is said by its duration
HARM_MAX = .05  # of lines that are to stay, for a task to be offered


def read_set(path, task):
    """(kind, before, rights), limits; a break in a cue is "|" in the file. limits: visible
    characters of each line, of shorten alone."""
    rows = [s.split("\t") for s in path.read_text(encoding="utf-8").splitlines() if s]
    limits = [int(row.pop()) for row in rows] if task == "shorten" else []
    mark = None if task == "fix" else "|"
    parted = lambda text, instead: text.replace(mark, instead) if mark else text
    return [(kind, parted(before, "\n"), [parted(right, " ") for right in rights])
            for kind, before, *rights in rows], limits


def read_jfleg(folder, part="test"):
    """JFLEG is cut into tokens: so are its references, and ours are compared by words."""
    read = lambda end: (folder / f"{part}.{end}").read_text(encoding="utf-8").splitlines()
    return [("jfleg", before.strip(), [r.strip() for r in rights])
            for before, *rights in zip(read("src"), *(read(f"ref{i}") for i in range(4)))]


def stamp(ms):
    return f"{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d},{ms % 1000:03d}"


def captions(rows, limits):
    """One cue a line; lasting as long as its limit of characters takes at CPS."""
    out, at = [], 0
    for i, (_, before, _) in enumerate(rows):
        ms = int(1000 * limits[i] / CPS) if limits else 2000
        out.append(f"{i + 1}\n{stamp(at)} --> {stamp(at + ms)}\n{before}\n\n")
        at += ms + 100
    return "".join(out)


def run(args, rows, limits):
    """The CLI's report on all lines."""
    command = [args.nearfield, "edit", "--task", args.task, "--json"]
    if args.model_alone:
        command.append("--even-if-poor")
    for name in ("adapter", "model", "threads"):
        if getattr(args, name):
            command += [f"--{name}", str(getattr(args, name))]
    if limits:
        command += ["--max-cps", str(CPS)]
    with tempfile.NamedTemporaryFile("w", suffix=".srt", encoding="utf-8") as file:
        file.write(captions(rows, limits))
        file.flush()
        done = subprocess.run([*command, file.name], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"score: {done.stderr.strip()}")
    report = json.loads(done.stdout)
    for cue, (_, before, _) in zip(report["cues"], rows, strict=True):
        if cue["before"] != before:
            sys.exit(f"score: cue {cue['index'] + 1} is not the line it was made from: {before}")
    return report


def cache():
    """Where setup.sh puts what it installs."""
    return pathlib.Path(os.environ.get("NEARFIELD_CACHE", pathlib.Path.home() / ".cache/nearfield"))


def harper(rows):
    """Each line with Harper's first suggestions."""
    folder = cache() / HARPER
    if not folder.exists():
        sys.exit(f"score: {folder} is missing: run model/score/setup.sh")
    done = subprocess.run(["node", HERE / "harper.mjs", folder], text=True, capture_output=True,
                          input="".join(json.dumps(before) + "\n" for _, before, _ in rows),
                          check=False)
    if done.returncode:
        sys.exit(f"score: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def errant_of(pairs):
    """{(before, after): edits} by ERRANT, or None if setup.sh was not run."""
    python = cache() / "errant-3.0.2/bin/python"
    if not python.exists():
        return None
    pairs = list(pairs)
    done = subprocess.run([python, HERE / "errant_edits.py"], text=True, check=True,
                          input="".join(json.dumps(p) + "\n" for p in pairs), capture_output=True)
    return {pair: {tuple(e) for e in json.loads(line)}
            for pair, line in zip(pairs, done.stdout.splitlines(), strict=True)}


def score(task, rows, says):
    """rows with ours -> (report, whose edits)"""
    rows = [(*row, ours) for row, ours in zip(rows, says, strict=True)]
    if task != "fix":
        return measures.report(rows, edits.edits_of), "words"
    pairs = {(before, text) for _, before, rights, ours in rows for text in (*rights, ours)}
    by_errant = errant_of(pairs)
    if by_errant is None:
        return measures.report(rows, edits.edits_of), "words (no ERRANT: model/score/setup.sh)"
    return measures.report(rows, lambda a, b: by_errant[a, b]), "ERRANT 3.0.2"


def versus_nothing(task, kinds, rows, says):
    """SARI over all lines, those that are to stay among them; and the rule by which a task is
    offered: a higher one than doing nothing has, half of the edits and more are a reference's, at
    most HARM_MAX of the lines that are to stay change, no name or number is lost."""
    ours = sari.sari([(b, r, o) for (_, b, r), o in zip(rows, says, strict=True)])
    nothing = sari.sari([(b, r, b) for _, b, r in rows])
    better = (ours > nothing and kinds[task]["p"] >= .5 and kinds["stay"]["harm"] <= HARM_MAX
              and not any(kind["lost"] for kind in kinds.values()))
    return {"sari": ours, "sari_nothing": nothing, "better": better}


def arguments():
    args = argparse.ArgumentParser(usage=__doc__)
    args.add_argument("--set", type=pathlib.Path, action="append")
    args.add_argument("--jfleg", type=pathlib.Path)
    for name in ("adapter", "model", "threads", "said"):
        args.add_argument(f"--{name}")
    args.add_argument("--task", default="fix")
    args.add_argument("--nearfield", default="build/native/nearfield")
    for name in ("json", "nothing", "harper", "model-alone"):
        args.add_argument(f"--{name}", action="store_true")
    return args.parse_args()


def table(out):
    said = lambda scores: "  ".join(
        f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in scores.items())
    print(f"{out['system']}, task {out['task']}, edits by {out['edits']}")
    for kind, s in out["kinds"].items():
        print(f"  {kind:8}", said(s))
    if "whole" in out:
        print("  all     ", said(out["whole"]))
    if "ms" in out:
        print("  ms a line:", ", ".join(f"{k} {v:.0f}" for k, v in out["ms"].items()))


def write_said(path, rows, cues):
    with open(path, "w", encoding="utf-8") as said:
        for (kind, before, rights), cue in zip(rows, cues, strict=True):
            said.write(json.dumps({"kind": kind, "before": before, "right": rights,
                                   "ours": cue["after"], "why": cue["why"],
                                   "sure": cue.get("gainNats", 0),
                                   "kinds": cue.get("gateKinds", [])}) + "\n")


def main():
    args = arguments()
    sets = args.set or ([] if args.jfleg else [HERE.parent / "eval" / f"{args.task}.test.tsv"])
    rows, limits = [], []
    for path in sets:
        more, more_limits = read_set(path, args.task)
        rows, limits = rows + more, limits + more_limits
    if args.jfleg:
        rows += read_jfleg(args.jfleg)
    out = {"task": args.task, "system": "do nothing", "machine": platform.machine()}
    flat = lambda text: text.replace("\n", " ")
    says, verdicts = [flat(before) for _, before, _ in rows], ["unchanged"] * len(rows)
    if args.harper:
        says, out["system"] = harper(rows), HARPER
    elif not args.nothing:
        report = run(args, rows, limits)
        says = [flat(cue["after"]) for cue in report["cues"]]
        verdicts = [cue["verdict"] for cue in report["cues"]]
        out["system"] = f"{report['model']}, adapter {report['adapter'] or 'none'}"
        times = [cue["totalMs"] for cue in report["cues"] if "totalMs" in cue]
        out["ms"] = {"median": measures.percentile(times, .5),
                     "p95": measures.percentile(times, .95)}
        out["verdicts"] = {v: verdicts.count(v) for v in sorted(set(verdicts))}
        out["passes"] = sum(c.get("passes", 0) for c in report["cues"]) / max(len(rows), 1)
        if args.said:
            write_said(args.said, rows, report["cues"])
    rows = [(kind, flat(before), rights) for kind, before, rights in rows]
    out["kinds"], out["edits"] = score(args.task, rows, says)
    if args.task == "shorten":
        whole = [(*row, ours) for row, ours in zip(rows, says, strict=True)]
        out["whole"] = shortened.report(whole, limits, verdicts)
    elif args.task != "fix":
        out["whole"] = versus_nothing(args.task, out["kinds"], rows, says)
    print(json.dumps(out, indent=1)) if args.json else table(out)


if __name__ == "__main__":
    main()
