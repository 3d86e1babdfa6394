"""The folder kept/ that a job's tries hand on (server/jobs/job_folder.h): the decoded sound, what
was heard in each finished piece, and the plan by which they were made. What was made by another
plan counts for nothing. Owns their names and that they survive a loss of power.

    kept/plan    kept/sound    kept/000012.json: {"start", "end", "try", "segments"}
"""

import contextlib
import json
import os

FOLDER = "kept"


def keep(name):
    """The file `name` of the try's own folder is whole: sync it and give it its place."""
    with open(name, "rb") as file:
        os.fsync(file.fileno())
    os.rename(name, os.path.join(FOLDER, name))
    folder = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def keep_text(name, text):
    with open(name, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    keep(name)


def has(name):
    return os.path.exists(os.path.join(FOLDER, name))


def begin(plan):
    """The pieces that were finished by this plan, in order."""
    os.makedirs(FOLDER, exist_ok=True)
    if _text("plan") != plan:
        for name in os.listdir(FOLDER):
            os.remove(os.path.join(FOLDER, name))
        keep_text("plan", plan)
    pieces = []
    with contextlib.suppress(ValueError):  # damaged: from there on it is done again
        while (text := _text(_piece_name(len(pieces)))) is not None:
            pieces.append(json.loads(text))
    return pieces


def keep_piece(i, piece):
    keep_text(_piece_name(i), json.dumps(piece, ensure_ascii=False, separators=(",", ":")))


def _piece_name(i):
    return f"{i:06}.json"


def _text(name):
    with contextlib.suppress(FileNotFoundError), open(
        os.path.join(FOLDER, name), encoding="utf-8"
    ) as file:
        return file.read()
    return None
