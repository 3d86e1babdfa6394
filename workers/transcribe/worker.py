"""One transcription: the media on file descriptor 3 -> captions.srt and captions.vtt here.

Owns: decoding with ffmpeg, the way from piece to piece, what is said on standard output (one JSON
object a line, see server/jobs/job_line.h). Does not: use the network, choose files by name (the
input is a descriptor), cut (sound.py), hear (listener.py), keep (kept.py), lay out captions
(captions.py). Started by the server as FOLDER/run job.json in a folder of its own; FOLDER holds
venv/, model/ and these files, made by './dev transcribe'.

A piece is kept before its segments are said, so the server never knows of what is not kept.
"""

import errno
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys

import kept

RATE = 16000
# Containers and protocols that ffmpeg may open. Without the lists a file named .mp4 that is a
# script (ffconcat, m3u8) would make it open other files and addresses.
FORMATS = (
    "mov,matroska,webm,mp3,wav,w64,aiff,ogg,flac,aac,ac3,amr,asf,avi,flv,mpeg,mpegts,caf,au"
)
PROTOCOLS = "file"


class Refusal(Exception):
    """One line for a person; `again`: another try may help."""

    def __init__(self, why, again=False):
        super().__init__(why)
        self.again = again


def say(**line):
    sys.stdout.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def decode(path):
    """The first audio stream as 16-bit samples, mono, 16 kHz, in the file `path`."""
    if shutil.which("ffmpeg") is None:
        raise Refusal(
            "ffmpeg is not installed: apt-get install --no-install-recommends ffmpeg"
        )
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error"]
    command += ["-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS]
    command += ["-i", "/proc/self/fd/3", "-map", "0:a:0", "-vn", "-sn", "-dn"]
    # Samples have no times: silence where the sound is late or has gaps keeps them the picture's.
    command += ["-af", "aresample=async=1:first_pts=0"]
    command += ["-ac", "1", "-ar", str(RATE), "-f", "s16le", "-y", path]
    done = subprocess.run(
        command, pass_fds=(3,), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == 0 and os.path.getsize(path) > 0:
        return
    text = " ".join(said)
    if "matches no streams" in text or done.returncode == 0:
        raise Refusal("there is no audio in the file")
    if done.returncode < 0:
        raise Refusal(f"ffmpeg was ended by signal {-done.returncode}", again=True)
    if "No space left" in text or "File too large" in text:
        raise Refusal("no space left for the decoded audio", again=True)
    last = re.sub(r"/proc/self/fd/3:? ?", "", said[-1])[:120] if said else "unknown reason"
    raise Refusal(f"ffmpeg cannot read the file: {last}")


def plan_of(request, model):
    """All that decides what a piece holds, as text."""
    media, weights = os.fstat(3), os.stat(os.path.join(model, "model.bin"))
    return json.dumps(
        {
            "pieces": 1,
            "input": [media.st_ino, media.st_size, media.st_mtime_ns],
            "language": request.get("language"),
            "vad": request.get("vad", True),
            "model": weights.st_size,
            "faster-whisper": importlib.metadata.version("faster-whisper"),
        }
    )


class Teller:
    """Says what was heard in each piece, once: what the server has stored of earlier tries
    (job.json, "told") is not said again. Segments are numbered through the whole recording."""

    def __init__(self, told, pieces):
        self.n_segments = 0
        self.segments_told = told.get("segment", {}).get("i", -1) + 1
        self.pieces_told = told.get("checkpoint", {}).get("piece", -1) + 1
        n_segments = sum(len(piece["segments"]) for piece in pieces)
        if n_segments < self.segments_told or len(pieces) < self.pieces_told:
            # What was kept is gone, or was of another plan: all comes again, in place of the old.
            self.segments_told = self.pieces_told = 0

    def tell(self, i, piece):
        for segment in piece["segments"]:
            if self.n_segments >= self.segments_told:
                say(segment={"i": self.n_segments, **segment})
            self.n_segments += 1
        if i >= self.pieces_told:
            say(checkpoint={"piece": i, "try": piece["try"]})


def listen(job, model, vad):
    """Every piece of the recording, in order; those that earlier tries have finished come first."""
    request = job["request"]
    pieces = kept.begin(plan_of(request, model))
    if not kept.has("sound"):
        say(progress=0)
        decode("sound")
        kept.keep("sound")
        say(progress=0.05)
    from listener import Listener
    from sound import Sound

    sound = Sound(os.path.join(kept.FOLDER, "sound"), vad)
    languages = [segment["language"] for piece in pieces for segment in piece["segments"]]
    listener = Listener(model, languages[0] if languages else request.get("language"), vad)
    teller = Teller(job.get("told", {}), pieces)
    for i, piece in enumerate(pieces):
        teller.tell(i, piece)
    start = pieces[-1]["end"] if pieces else 0
    while start < sound.length:
        end, spoken = sound.cut(start)
        heard = []
        if spoken:
            say(piece=len(pieces))  # begun; the server takes no notice
            heard = listener.hear(sound.read(start, end), start)
        piece = {"start": start, "end": end, "try": job.get("try", 1), "segments": heard}
        kept.keep_piece(len(pieces), piece)
        teller.tell(len(pieces), piece)
        pieces.append(piece)
        say(progress=round(0.05 + 0.94 * end / sound.length, 3))
        start = end
    return pieces


def run(job):
    from captions import cues, srt, vtt

    request = job["request"]
    model = os.path.join(os.path.dirname(os.path.abspath(__file__)), "model")
    try:
        pieces = listen(job, model, request.get("vad", True))
    except ValueError as error:
        if "language" in str(error):
            raise Refusal(
                f"language '{request.get('language')}' is not one the model knows"
            ) from error
        raise
    except (RuntimeError, FileNotFoundError) as error:
        if "model" in str(error).lower():
            raise Refusal("the model cannot be opened; './dev transcribe' fetches it") from error
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise Refusal("no space left for what was heard", again=True) from error
        raise
    found = cues([w for piece in pieces for s in piece["segments"] for w in s["words"]])
    for name, text in (("captions.srt", srt(found)), ("captions.vtt", vtt(found))):
        with open(name, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    try:
        run(job)
    except Refusal as refusal:
        say(error=str(refusal), again=refusal.again)
    except ModuleNotFoundError as error:
        say(error=f"the Python package {error.name} is missing: './dev transcribe' installs it")


main()
