/* Range, dates and paths under arbitrary bytes: whatever is accepted lies inside the file. */
#include "server/http_date.h"
#include "server/http_guard.h"
#include "server/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 8) return 0;
  i64 file_bytes, from = -1, bytes = -1, seconds;
  memcpy(&file_bytes, data, 8);
  file_bytes &= INT64_MAX;
  nf_bytes value = bytes_from(data + 8, (isize)size - 8);
  if (range_parse(value, file_bytes, &from, &bytes) == RANGE_PART) {
    ASSERT(from >= 0 && bytes >= 1 && bytes <= file_bytes && from <= file_bytes - bytes);
  }
  if (http_date_read(value, &seconds)) ASSERT(seconds >= 0);
  u8 path[HTTP_PATH_BYTES_MAX];
  isize len;
  if (http_path_decode(value, path, &len).status == 0) {
    ASSERT(len >= 1 && path[0] == '/' && memchr(path, 0, (size_t)len) == nullptr);
  }
  return 0;
}
