"""faster-whisper as its README calls it, on one file: the rival of bench/transcribe/run.mjs.
argv: MODEL FOLDER, FILE, THREADS. Prints one JSON object. The same model, 8-bit kernels, beam,
voice-activity filter and word times as our worker; the time has everything in it but Python's
own start and import."""
import json
import resource
import sys
import time

from faster_whisper import WhisperModel

folder, file, threads = sys.argv[1:]
start = time.perf_counter()
model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=int(threads),
                     local_files_only=True)
segments, info = model.transcribe(file, beam_size=5, vad_filter=True, word_timestamps=True)
text = " ".join(s.text for s in segments)
print(json.dumps({"ms": (time.perf_counter() - start) * 1e3, "text": text,
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
