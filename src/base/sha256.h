/* SHA-256 over raw blocks: the compression function and the incremental hash that the public
 * nf_sha256_* calls are (api/hash.c). No memory, no libc; works freestanding.
 * source FIPS 180-4, sections 4.1.2, 5 and 6.2 */
#pragma once
#include "base/base.h"

void sha256_begin(nf_sha256 *hash);
void sha256_add(nf_sha256 *hash, nf_bytes bytes);
/* Writes digest[0..32). The hash is used up; begin again before the next add. */
void sha256_end(nf_sha256 *hash, u8 digest[32]);
