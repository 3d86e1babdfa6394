/* The nf_file_ functions of nearfield.h: os.h's whole-file calls for programs that use only the
 * public header. Owns nothing. */
#include "base/base.h"
#include "base/text_out.h"
#include "os/os.h"

nf_status nf_file_read(const char *path, i64 bytes_max, nf_bytes *file, nf_error *error) {
  error_clear(error);
  isize max = bytes_max > ISIZE_MAX / 8 ? ISIZE_MAX / 8 : (isize)bytes_max;
  os_map block;
  nf_status status = os_file_read(path, max, &block, error);
  if (status == NF_OK) *file = bytes_of(block.at, block.len);
  return status;
}

void nf_file_free(nf_bytes file) {
  if (file.len > 0) os_memory_release((void *)file.at, file.len);
}

nf_status nf_file_replace(const char *path, nf_bytes content, nf_error *error) {
  error_clear(error);
  return os_file_replace(path, content, error);
}
