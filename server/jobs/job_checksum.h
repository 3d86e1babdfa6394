/* tus's Upload-Checksum: what the bytes of one PATCH should hash to. Owns the algorithms that are
 * offered. Pure. source https://tus.io/protocols/resumable-upload, "Checksum" */
#pragma once
#include "server/sha1.h"

#define JOB_CHECKSUMS "sha1,sha256"

typedef struct {
  enum : u8 { CHECKSUM_NONE, CHECKSUM_SHA1, CHECKSUM_SHA256 } kind;
  u8 wanted[32];
  sha1 sha1;
  nf_sha256 sha256;
} job_checksum;

/* "sha1 BASE64"; .at null: none is wanted. false: another algorithm, or not one of its digests. */
bool job_checksum_read(nf_bytes field, job_checksum *sum);
void job_checksum_add(job_checksum *sum, nf_bytes bytes);
/* After the last byte, once. */
bool job_checksum_is_met(job_checksum *sum);
