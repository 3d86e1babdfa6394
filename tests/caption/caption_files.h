/* Helpers of the caption tests: files of tests/data/captions, documents from strings. Owns what
 * it allocates; tests free it through the functions here. */
#pragma once
#include "base/base.h"
#include "cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline nf_bytes file_load(const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  u8 *at = malloc((size_t)size + 1);
  assert_int_equal(fread(at, 1, (size_t)size, file), size);
  fclose(file);
  return bytes_of(at, size);
}

static inline void bytes_free(nf_bytes b) { free((void *)b.at); }

static inline nf_bytes bytes_dup(nf_bytes b) {
  u8 *at = malloc((size_t)b.len + 1);
  if (b.len > 0) memcpy(at, b.at, (size_t)b.len);
  return bytes_of(at, b.len);
}

static inline nf_caption *doc_of_bytes(nf_bytes file) {
  nf_caption *doc = nullptr;
  nf_error error = {};
  nf_status status = nf_caption_open(file, &doc, &error);
  if (status != NF_OK) fail_msg("%s", error.line);
  return doc;
}

static inline nf_caption *doc_of(const char *file) { return doc_of_bytes(bytes_from_str(file)); }

static inline nf_bytes doc_write(nf_caption *doc) {
  nf_bytes file = {};
  nf_error error = {};
  nf_status status = nf_caption_write(doc, nf_caption_format_get(doc), &file, &error);
  if (status != NF_OK) fail_msg("%s", error.line);
  return file;
}

static inline void assert_bytes(nf_bytes got, nf_bytes wanted) {
  if (!bytes_equal(got, wanted)) {
    fail_msg("got (%td):\n%.*s\nwanted (%td):\n%.*s", got.len, (int)got.len, got.at, wanted.len,
             (int)wanted.len, wanted.at);
  }
}

static inline void assert_text(nf_bytes got, const char *wanted) {
  assert_bytes(got, bytes_from_str(wanted));
}

static inline nf_cue cue_at(const nf_caption *doc, i32 i) {
  nf_cue cue;
  nf_caption_cue_get(doc, i, &cue);
  return cue;
}

/* Calls body(path, file) for each caption file of the corpus; returns how many there were. */
static inline int corpus_each(void (*body)(const char *name, nf_bytes file)) {
  const char *folder_path = NF_SOURCE_DIR "/tests/data/captions";
  DIR *folder = opendir(folder_path);
  assert_non_null(folder);
  int n = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != nullptr;) {
    const char *dot = strrchr(entry->d_name, '.');
    if (dot == nullptr || (strcmp(dot, ".srt") != 0 && strcmp(dot, ".vtt") != 0)) continue;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder_path, entry->d_name);
    nf_bytes file = file_load(path);
    body(entry->d_name, file);
    bytes_free(file);
    n++;
  }
  closedir(folder);
  return n;
}
