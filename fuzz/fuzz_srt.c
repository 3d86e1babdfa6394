/* Any bytes as a caption file: opens or says one line; saves to the same bytes; survives an
 * edit and a conversion. The checks are in caption_check.h. */
#include "caption_check.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  fuzz_check(bytes_of(data, (isize)size));
  return 0;
}
