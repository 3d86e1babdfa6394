/* The public SHA-256. Owns nothing; the work is in base/sha256.c. */
#include "base/sha256.h"

void nf_sha256_begin(nf_sha256 *hash) { sha256_begin(hash); }
void nf_sha256_add(nf_sha256 *hash, nf_bytes bytes) { sha256_add(hash, bytes); }
void nf_sha256_end(nf_sha256 *hash, uint8_t digest[32]) { sha256_end(hash, digest); }
