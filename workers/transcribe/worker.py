"""One transcription: the media on file descriptor 3 -> captions.srt and captions.vtt here.

Owns: decoding with ffmpeg, faster-whisper, what is said on standard output (one JSON object a
line, see server/jobs/job_line.h). Does not: use the network, choose files by name (the input is a
descriptor), lay out captions (captions.py). Started by the server as FOLDER/run job.json in a
folder of its own; FOLDER holds venv/, model/ and these two files, made by './dev transcribe'.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import wave

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
    """The first audio stream as 16 kHz mono WAV at `path`."""
    if shutil.which("ffmpeg") is None:
        raise Refusal(
            "ffmpeg is not installed: apt-get install --no-install-recommends ffmpeg"
        )
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error"]
    command += ["-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS]
    command += ["-i", "/proc/self/fd/3", "-map", "0:a:0", "-vn", "-sn", "-dn"]
    # A WAV has no times: silence where the sound is late or has gaps keeps them the picture's.
    command += ["-af", "aresample=async=1:first_pts=0"]
    command += ["-ac", "1", "-ar", str(RATE), "-c:a", "pcm_s16le", "-f", "wav", "-y", path]
    done = subprocess.run(
        command, pass_fds=(3,), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == 0 and os.path.getsize(path) > 44:
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


def samples(path):
    """The whole file as float32 in [-1, 1)."""
    import numpy

    with wave.open(path, "rb") as file:
        data = file.readframes(file.getnframes())
    return numpy.frombuffer(data, numpy.int16).astype(numpy.float32) / 32768


def transcribe(model_folder, audio, language, vad):
    """Says each segment as it comes; returns the words as [start_s, end_s, text]."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from faster_whisper import WhisperModel

    threads = min(os.cpu_count() or 1, 8)
    model = WhisperModel(
        model_folder, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
    )
    segments, info = model.transcribe(
        audio,
        language=language,
        beam_size=5,
        vad_filter=vad,
        word_timestamps=True,
        condition_on_previous_text=False,
    )
    duration = max(len(audio) / RATE, 0.001)
    words = []
    said = 0.0
    for i, segment in enumerate(segments):
        own = [[round(w.start, 3), round(w.end, 3), w.word] for w in segment.words or []]
        words += own
        say(
            segment={
                "i": i,
                "start_ms": int(segment.start * 1000),
                "end_ms": int(segment.end * 1000),
                "text": segment.text.strip(),
                "language": info.language,
                "words": own,
            }
        )
        if time.monotonic() - said > 0.5:
            said = time.monotonic()
            say(progress=round(0.05 + 0.94 * min(segment.end / duration, 1), 3))
    return words


def run(job):
    from captions import cues, srt, vtt

    request = job["request"]
    say(progress=0)
    decode("audio.wav")
    say(progress=0.05)
    model = os.path.join(os.path.dirname(os.path.abspath(__file__)), "model")
    language = request.get("language")
    try:
        words = transcribe(model, samples("audio.wav"), language, request.get("vad", True))
    except ValueError as error:
        if "language" in str(error):
            raise Refusal(f"language '{language}' is not one the model knows") from error
        raise
    except RuntimeError as error:
        if "model" in str(error).lower():
            raise Refusal("the model cannot be opened; './dev transcribe' fetches it") from error
        raise
    finally:
        os.remove("audio.wav")
    found = cues(words)
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
