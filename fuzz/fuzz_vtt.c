/* As fuzz_srt.c, but every input is taken for WebVTT: the signature is put in front. */
#include "caption_check.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  nf_bytes given = bytes_of(data, (isize)size);
  bool signature = size >= 6 && memcmp(data, "WEBVTT", 6) == 0;
  u8 *file = malloc(size + 8);
  memcpy(file, "WEBVTT\n\n", 8);
  memcpy(file + 8, data, size);
  fuzz_check(signature ? given : bytes_of(file, (isize)size + 8));
  free(file);
  return 0;
}
