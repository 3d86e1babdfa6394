"""Whisper: a piece of sound -> segments with words and times.

Owns the model, opened with the first piece that needs it, and the language, found out once. What
it hears in a piece depends on that piece and the language alone: no text of the piece before is
given to it, and where it has to guess (sampling at a temperature, after a beam search that went
astray) it guesses from the same seed for each piece.
"""

import os

from sound import RATE

SEED = 1


class Listener:
    def __init__(self, folder, language, vad):
        self.folder = folder
        self.language = language
        self.vad = vad
        self.model = None

    def _open(self):
        os.environ["HF_HUB_OFFLINE"] = "1"
        import ctranslate2
        from faster_whisper import WhisperModel

        class Model(WhisperModel):
            sampled = False

            def generate_with_fallback(self, *args):
                result = super().generate_with_fallback(*args)
                self.sampled |= result[2] > 0  # the last temperature tried
                return result

        ctranslate2.set_random_seed(SEED)
        threads = min(os.cpu_count() or 1, 8)
        self.model = Model(
            self.folder,
            device="cpu",
            compute_type="int8",
            cpu_threads=threads,
            local_files_only=True,
        )

    def hear(self, audio, start):
        """The segments of `audio`, which begins at sample `start`."""
        # The generator of random numbers belongs to the model's thread and cannot be set again.
        if self.model is None or self.model.sampled:
            self.model = None
            self._open()
        segments, info = self.model.transcribe(
            audio,
            language=self.language,
            beam_size=5,
            vad_filter=self.vad,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        offset = start / RATE
        heard = [
            {
                "start_ms": round((offset + segment.start) * 1000),
                "end_ms": round((offset + segment.end) * 1000),
                "text": segment.text.strip(),
                "language": info.language,
                "words": [
                    [round(offset + w.start, 3), round(offset + w.end, 3), w.word]
                    for w in segment.words or []
                ],
            }
            for segment in segments
        ]
        if heard:
            self.language = info.language
        return heard
