/* See letters.h. */
#include "workers/render/letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workers/render/captions.h"

enum { LETTERS_MAX = 0x110000, CUE_LETTERS = 300, LINE_LETTERS = 60 };
#define NO_FONT "any fallback with glyph 0x"

/* The letter at text[at] of valid UTF-8 into *letter; the place after it. */
static ptrdiff_t letter_next(const uint8_t *text, ptrdiff_t at, ptrdiff_t len, uint32_t *letter) {
  uint8_t first = text[at++];
  int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  *letter = more == 3 ? first & 7 : more == 2 ? first & 15 : more == 1 ? first & 31 : first;
  for (; more > 0 && at < len; more--) *letter = *letter << 6 | (text[at++] & 63);
  return at;
}

static void letters_mark(const nf_caption *doc, uint8_t *seen) {
  static uint8_t plain[65536];
  nf_caption_format format = nf_caption_format_get(doc);
  for (int32_t i = 0; i < nf_caption_cue_count(doc); i++) {
    nf_cue cue;
    nf_caption_cue_get(doc, i, &cue);
    ptrdiff_t len = nf_caption_plain(cue.text, format, plain, (ptrdiff_t)sizeof plain);
    if (len > (ptrdiff_t)sizeof plain) len = (ptrdiff_t)sizeof plain;
    for (ptrdiff_t at = 0; at < len;) {
      uint32_t letter;
      at = letter_next(plain, at, len, &letter);
      if (letter < LETTERS_MAX) seen[letter / 8] |= (uint8_t)(1 << letter % 8);
    }
  }
}

static void letter_write(FILE *out, uint32_t c) {
  if (c < 0x800) {
    putc((int)(0xC0 | c >> 6), out);
  } else {
    if (c >= 0x10000) putc((int)(0xF0 | c >> 18), out);
    putc((int)(c >= 0x10000 ? 0x80 | (c >> 12 & 63) : 0xE0 | c >> 12), out);
    putc((int)(0x80 | (c >> 6 & 63)), out);
  }
  putc((int)(0x80 | (c & 63)), out);
}

/* One SRT cue a second, with all letters that were seen; how many cues. */
static int letters_write(FILE *out, const uint8_t *seen) {
  int n = 0;
  for (uint32_t c = 0xA1; c < LETTERS_MAX; c++) { /* ASCII needs no question */
    if ((seen[c / 8] >> c % 8 & 1) == 0 || c == 0x2028 || c == 0x2029) continue;
    int s = n / CUE_LETTERS;
    if (n % CUE_LETTERS == 0) {
      fprintf(out, "%s%d\n%02d:%02d:%02d,000 --> %02d:%02d:%02d,000\n", n > 0 ? "\n\n" : "", s + 1,
              s / 3600, s / 60 % 60, s % 60, (s + 1) / 3600, (s + 1) / 60 % 60, (s + 1) % 60);
    } else if (n % LINE_LETTERS == 0) {
      putc('\n', out);
    }
    letter_write(out, c);
    n++;
  }
  return (n + CUE_LETTERS - 1) / CUE_LETTERS;
}

static bool script_write(nf_bytes srt, failure *f) {
  nf_caption *doc;
  nf_bytes ass;
  nf_error error = {0};
  if (nf_caption_open(srt, &doc, &error) != NF_OK) {
    return fails(f, true, "the letters cannot be looked at: %.150s", error.line);
  }
  nf_ass_desc desc = {.font = CAPTIONS_FONT, .width = 640, .height = 360};
  bool ok = nf_caption_ass(doc, &desc, &ass, &error) == NF_OK;
  FILE *out = ok ? fopen("letters.ass", "w") : nullptr;
  ok = out != nullptr && fwrite(ass.at, 1, (size_t)ass.len, out) == (size_t)ass.len;
  if (out != nullptr) ok = fclose(out) == 0 && ok;
  nf_caption_close(doc);
  return ok || fails(f, true, "letters.ass cannot be written: %.150s", error.line);
}

static const char *package_for(unsigned long letter) {
  bool symbol = (letter >= 0x2190 && letter < 0x2C00) || (letter >= 0x1F000 && letter < 0x20000);
  bool cjk = (letter >= 0x2E80 && letter < 0xA000) || (letter >= 0xAC00 && letter < 0xD7B0) ||
             (letter >= 0xF900 && letter < 0xFB00) || (letter >= 0xFE30 && letter < 0xFE50) ||
             (letter >= 0xFF00 && letter < 0xFFF0) || (letter >= 0x20000 && letter < 0x40000);
  return cjk ? "fonts-noto-cjk" : symbol ? "fonts-symbola" : "fonts-noto-core";
}

static bool letters_draw(int n_frames, failure *f) {
  static program_args a;
  program_end end;
  a = (program_args){0};
  args_add(&a, "ffmpeg -nostdin -hide_banner -loglevel warning -f lavfi");
  args_add(&a, "-i color=s=640x360:r=1:d=%d -vf ass=letters.ass:fontsdir=fonts -f null -",
           n_frames);
  if (!program_run(&a, nullptr, nullptr, &end, f)) return false;
  const char *at = strstr(end.said, NO_FONT);
  if (at == nullptr) return true; /* what else may be wrong shows when the video is drawn */
  unsigned long letter = strtoul(at + strlen(NO_FONT), nullptr, 16);
  return fails(f, false,
               "no font here has the letter U+%04lX of the captions: "
               "apt-get install --no-install-recommends %s",
               letter, package_for(letter));
}

bool letters_have_fonts(const nf_caption *doc, failure *f) {
  static uint8_t seen[LETTERS_MAX / 8];
  char *srt = nullptr;
  size_t len = 0;
  letters_mark(doc, seen);
  FILE *out = open_memstream(&srt, &len);
  int n_frames = out != nullptr ? letters_write(out, seen) : 0;
  bool ok = out != nullptr && fclose(out) == 0;
  if (!ok) (void)fails(f, true, "no memory for the letters of the captions");
  if (ok && n_frames > 0) {
    ok = script_write((nf_bytes){(const uint8_t *)srt, (ptrdiff_t)len}, f) &&
         letters_draw(n_frames, f);
  }
  free(srt);
  return ok;
}
