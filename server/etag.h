/* Validators: entity tags, their lists in request headers, and the order in which the
 * conditional headers decide. Pure; the caller knows the file. Read next: static_file.c. */
#pragma once
#include "server/http_request.h"

/* What identifies one representation. A tag is strong or absent, never weak. */
typedef struct {
  char etag[80]; /* with its quotes; "" when there is none to give */
  i64 modified_s; /* seconds since 1970; -1: no Last-Modified */
} validator;

/* A strong tag for an unhashed file, from what the kernel changes on every write. Two writes
 * inside one tick of the file system's clock would look alike, so a file whose ctime lies less
 * than 2 s before `now_ns` gets no tag. salt tells variants (br, gz) of a name apart. */
struct stat;
void etag_from_stat(const struct stat *file, i64 now_ns, validator *out);

typedef enum { COND_SEND, COND_NOT_MODIFIED, COND_FAILED } cond_answer;
/* If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, in RFC 9110's order (13.2.2). */
cond_answer cond_check(const http_request *request, const validator *v);
/* May the Range header be used? True without If-Range, or when it names exactly this validator
 * (RFC 9110, 13.1.5: strong comparison; a date must be the exact one we send). */
bool cond_range_allowed(const http_request *request, const validator *v);
