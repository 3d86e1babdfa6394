#!/usr/bin/env python3
"""The scoreboard of edits: runs the product's own CLI over lines as captions and reports what came.

  python model/score [--set FILE.tsv]... [--task fix] [--adapter FILE.gguf | none] [--model FILE]
                     [--nearfield build/native/nearfield] [--threads N] [--keep 0.8]
                     [--jfleg FOLDER] [--json] [--nothing | --harper] [--said FILE]
--set    lines `kind, before, right` (fix), or `before, right, right` (the other tasks); default:
         the task's sets in model/eval. --jfleg FOLDER: test.src and test.ref0..3, read only.
--keep   shorten: each line may have that share of its characters
--nothing  scores doing nothing, --harper the rule engine Harper (its first suggestions), both
         without the CLI. --said FILE: every line and its answer, as JSON.
Owns arguments and the CLI's run; the arithmetic is measures.py's. ERRANT and Harper: setup.sh.
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

HARPER = "harper-2.10.0"
CPS = 10.0  # shorten: a line's limit is said by its duration


def read_set(path, task):
    """(kind, before, rights)"""
    rows = [s.split("\t") for s in path.read_text(encoding="utf-8").splitlines() if s]
    if task == "fix":
        return [(kind, before, [right]) for kind, before, right in rows]
    return [(task, before, rights) for before, *rights in rows]


def read_jfleg(folder, part="test"):
    """JFLEG is cut into tokens: so are its references, and ours are compared by words."""
    read = lambda end: (folder / f"{part}.{end}").read_text(encoding="utf-8").splitlines()
    return [("jfleg", before.strip(), [r.strip() for r in rights])
            for before, *rights in zip(read("src"), *(read(f"ref{i}") for i in range(4)))]


def stamp(ms):
    return f"{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d},{ms % 1000:03d}"


def captions(rows, keep):
    """One cue a line; lasting as long as its limit of characters takes at CPS."""
    out, at = [], 0
    for i, (_, before, _) in enumerate(rows):
        ms = int(1000 * keep * len(before) / CPS) if keep else 2000
        out.append(f"{i + 1}\n{stamp(at)} --> {stamp(at + ms)}\n{before}\n\n")
        at += ms + 100
    return "".join(out)


def run(args, rows):
    """The CLI's report on all lines."""
    keep = args.keep if args.task == "shorten" else 0
    command = [args.nearfield, "edit", "--task", args.task, "--json", "--even-if-poor"]
    for name in ("adapter", "model", "threads"):
        if getattr(args, name):
            command += [f"--{name}", str(getattr(args, name))]
    if keep:
        command += ["--max-cps", str(CPS)]
    with tempfile.NamedTemporaryFile("w", suffix=".srt", encoding="utf-8") as file:
        file.write(captions(rows, keep))
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


def score(rows, says):
    """rows with ours -> (report, whose edits)"""
    rows = [(*row, ours) for row, ours in zip(rows, says, strict=True)]
    pairs = {(before, text) for _, before, rights, ours in rows for text in (*rights, ours)}
    by_errant = errant_of(pairs)
    if by_errant is None:
        return measures.report(rows, edits.edits_of), "words (no ERRANT: model/score/setup.sh)"
    return measures.report(rows, lambda a, b: by_errant[a, b]), "ERRANT 3.0.2"


def arguments():
    args = argparse.ArgumentParser(usage=__doc__)
    args.add_argument("--set", type=pathlib.Path, action="append")
    args.add_argument("--jfleg", type=pathlib.Path)
    for name in ("adapter", "model", "threads", "said"):
        args.add_argument(f"--{name}")
    args.add_argument("--task", default="fix")
    args.add_argument("--nearfield", default="build/native/nearfield")
    args.add_argument("--keep", type=float, default=.8)
    for name in ("json", "nothing", "harper"):
        args.add_argument(f"--{name}", action="store_true")
    return args.parse_args()


def table(out):
    print(f"{out['system']}, task {out['task']}, edits by {out['edits']}")
    for kind, s in out["kinds"].items():
        print(f"  {kind:8}", "  ".join(
            f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in s.items()))
    if "ms" in out:
        print("  ms a line:", ", ".join(f"{k} {v:.0f}" for k, v in out["ms"].items()))


def main():
    args = arguments()
    name = f"{args.task}.test.tsv" if args.task == "fix" else f"{args.task}.tsv"
    sets = args.set or ([] if args.jfleg else [HERE.parent / "eval" / name])
    rows = [row for path in sets for row in read_set(path, args.task)]
    if args.jfleg:
        rows += read_jfleg(args.jfleg)
    out = {"task": args.task, "system": "do nothing", "machine": platform.machine()}
    says = [before for _, before, _ in rows]
    if args.harper:
        says, out["system"] = harper(rows), HARPER
    elif not args.nothing:
        report = run(args, rows)
        says = [cue["after"].replace("\n", " ") for cue in report["cues"]]
        out["system"] = f"{report['model']}, adapter {report['adapter'] or 'none'}"
        times = [cue["totalMs"] for cue in report["cues"] if "totalMs" in cue]
        out["ms"] = {"median": measures.percentile(times, .5),
                     "p95": measures.percentile(times, .95)}
        out["verdicts"] = {v: sum(c["verdict"] == v for c in report["cues"])
                           for v in sorted({c["verdict"] for c in report["cues"]})}
        out["passes"] = sum(c.get("passes", 0) for c in report["cues"]) / max(len(rows), 1)
        if args.said:
            with open(args.said, "w", encoding="utf-8") as said:
                for (kind, before, rights), cue in zip(rows, report["cues"]):
                    said.write(json.dumps({"kind": kind, "before": before, "right": rights,
                                           "ours": cue["after"], "why": cue["why"]}) + "\n")
    out["kinds"], out["edits"] = score(rows, says)
    if args.task == "shorten":
        out["fits"] = sum(len(o) <= int(args.keep * len(b)) for (_, b, _), o in zip(rows, says))
    print(json.dumps(out, indent=1)) if args.json else table(out)


if __name__ == "__main__":
    main()
