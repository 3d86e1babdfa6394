"""The decoded sound and where it is cut into pieces: in silences, each piece about what Whisper
takes in at once.

Owns: reading samples, finding silences. Does not: decode (worker.py), transcribe (listener.py).
A cut depends on nothing but the sound and the place where the piece begins, so that a try which
goes on behind kept pieces cuts where a whole run would. Memory: one block and one piece.
"""

import functools
import os

import numpy

RATE = 16000
# Whisper takes 30 s at once whatever is in them: a piece with so much speech costs one pass, one
# that ends in a silence needs no second look at a sentence cut in two.
SPEECH_MIN, SPEECH_MAX = 15 * RATE, 29 * RATE
LONGEST = 120 * RATE  # silence included: what there is at most to be done again
SILENCE_MIN = RATE // 5
BLOCK = 60 * RATE  # speech is looked for in so much at once
# What the voice filter of faster-whisper leaves of a silence: all of a short one, else its edges.
SILENCE_HEARD, EDGES_HEARD = 2 * RATE, int(0.8 * RATE)


class Sound:
    """A file of 16-bit samples, mono, 16 kHz; times and places are counts of samples."""

    def __init__(self, path, vad):
        self.path = path
        self.vad = vad
        self.length = os.path.getsize(path) // 2

    def read(self, start, end):
        """float32 in [-1, 1)."""
        data = numpy.fromfile(self.path, numpy.int16, count=end - start, offset=2 * start)
        return data.astype(numpy.float32) / 32768

    def cut(self, start):
        """The end of the piece that begins at `start`, and whether there may be speech in it."""
        if self.vad:
            return self._cut_in_silence(start)
        if self.length - start <= SPEECH_MAX:
            return self.length, True
        return self._quietest(start + SPEECH_MAX - 5 * RATE, start + SPEECH_MAX), True

    def _cut_in_silence(self, start):
        heard, at = 0, start  # heard: what Whisper will be given; at: the end of the last speech
        widest, cut, spoken_before = 0, None, False
        last = min(start + LONGEST, self.length)
        for begin, end in self._speech(start, last):
            silence = begin - at
            heard += silence if silence < SILENCE_HEARD else EDGES_HEARD
            enough = heard >= SPEECH_MIN or at - start >= LONGEST // 2
            if enough and silence >= max(SILENCE_MIN, widest):
                widest, cut = silence, (at + begin) // 2
                spoken_before = at > start
            heard += end - begin
            if heard > SPEECH_MAX and cut is not None:
                return cut, spoken_before
            at = end
        if last == self.length:
            return last, at > start
        if at <= last - max(SILENCE_MIN, widest):  # the silence that lasts until then
            return max((at + last) // 2, last - SILENCE_HEARD), at > start
        if cut is None:  # two minutes without a pause
            return self._quietest(last - 10 * RATE, last), True
        return cut, spoken_before

    def _speech(self, start, last):
        """(begin, end) of each stretch of speech from `start` on, joined over the blocks' edges."""
        open_begin = open_end = None
        for i in range(start // BLOCK, (last + BLOCK - 1) // BLOCK):
            for begin, end in self._block(i):
                begin, end = max(begin, start), min(end, last)
                if begin >= end:
                    continue
                if open_end is not None and begin - open_end < SILENCE_MIN:
                    open_end = end
                    continue
                if open_end is not None:
                    yield open_begin, open_end
                open_begin, open_end = begin, end
        if open_end is not None:
            yield open_begin, open_end

    @functools.lru_cache(maxsize=4)
    def _block(self, i):
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        first = i * BLOCK
        audio = self.read(first, min(first + BLOCK, self.length))
        options = VadOptions(min_silence_duration_ms=100, speech_pad_ms=0)
        found = get_speech_timestamps(audio, options)
        return [(first + s["start"], first + s["end"]) for s in found]

    def _quietest(self, start, end):
        """The middle of the quietest 0.2 s between them."""
        step = RATE // 100
        audio = self.read(start, end)
        audio = audio[: len(audio) // step * step].reshape(-1, step)
        power = numpy.square(audio).mean(axis=1, dtype=numpy.float64)
        width = SILENCE_MIN // step
        sums = numpy.convolve(power, numpy.ones(width), "valid")
        return start + (int(sums.argmin()) + width // 2) * step
