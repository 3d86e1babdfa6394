/* SHA-1, for the checksums of resumable uploads: the one algorithm that every client of the
 * protocol has. It finds damage, not an attacker: nothing here trusts it for more. source FIPS
 * 180-4, sections 4.1.1, 5 and 6.1 */
#pragma once
#include "server/words.h"

enum { SHA1_BYTES = 20 };
typedef struct {
  u32 state[5];
  u64 n_bytes;
  u8 block[64]; /* n_bytes % 64 of it are in use */
} sha1;
void sha1_begin(sha1 *hash);
void sha1_add(sha1 *hash, nf_bytes bytes);
/* Writes digest[0..20). The hash is used up; begin again before the next add. */
void sha1_end(sha1 *hash, u8 digest[SHA1_BYTES]);
