/* See captions.h. */
#include "workers/render/captions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES_MAX = 16 << 20 };

bool captions_read(nf_caption **doc, failure *f) {
  struct stat facts;
  if (fstat(4, &facts) != 0) return fails(f, true, "the captions are not there");
  if (facts.st_size > BYTES_MAX) return fails(f, false, "the captions are over 16 MB");
  size_t len = (size_t)facts.st_size;
  uint8_t *bytes = malloc(len + 1);
  if (bytes == nullptr) return fails(f, true, "no memory for the captions");
  ssize_t n = pread(4, bytes, len, 0);
  nf_error error = {0};
  nf_status status = NF_IO;
  if (n == (ssize_t)len) {
    status = nf_caption_open((nf_bytes){bytes, (ptrdiff_t)len}, doc, &error);
  }
  free(bytes);
  if (status == NF_IO) return fails(f, true, "the captions cannot be read: %s", strerror(errno));
  if (status != NF_OK) {
    return fails(f, status == NF_NO_MEMORY,
                 "the captions cannot be read: %.140s; upload SRT or WebVTT", error.line);
  }
  if (nf_caption_cue_count(*doc) > 0) return true;
  nf_caption_close(*doc);
  return fails(f, false, "there is no cue in the captions; upload SRT or WebVTT with at least one");
}

bool captions_write(nf_caption *doc, const request *r, const media *m, const char **path,
                    uint8_t *digest, failure *f) {
  nf_bytes file;
  nf_error error = {0};
  nf_status status;
  bool vtt = strcmp(r->container->name, "webm") == 0;
  if (!r->soft) {
    *path = "captions.ass";
    nf_ass_desc desc = {.font = CAPTIONS_FONT,
                        .width = m->width,
                        .height = m->height,
                        .font_permille = r->font_permille};
    status = nf_caption_ass(doc, &desc, &file, &error);
  } else {
    *path = vtt ? "captions.vtt" : "captions.srt";
    status = nf_caption_write(doc, vtt ? NF_VTT : NF_SRT, &file, &error);
  }
  if (status != NF_OK) {
    return fails(f, status == NF_NO_MEMORY, "the captions cannot be drawn: %.180s", error.line);
  }
  nf_sha256 hash;
  nf_sha256_begin(&hash);
  nf_sha256_add(&hash, file);
  nf_sha256_end(&hash, digest);
  FILE *out = fopen(*path, "w");
  bool ok = out != nullptr && fwrite(file.at, 1, (size_t)file.len, out) == (size_t)file.len;
  if (out != nullptr) ok = fclose(out) == 0 && ok;
  return ok || fails(f, true, "%s cannot be written: %s", *path, strerror(errno));
}
