/* See etag.h. */
#include "server/etag.h"

#include <sys/stat.h>

#include "server/http_date.h"

static i64 timespec_ns(struct timespec t) { return (i64)t.tv_sec * 1000000000 + t.tv_nsec; }

static char *hex_write(char *at, u64 value) {
  char digits[16];
  int n = 0;
  do {
    digits[n++] = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (value > 0);
  while (n > 0) *at++ = digits[--n];
  return at;
}

void etag_from_stat(const struct stat *file, i64 now_ns, validator *out) {
  *out = (validator){.modified_s = -1};
  if (now_ns - timespec_ns(file->st_ctim) < 2000000000) return;
  char *at = out->etag;
  *at++ = '"';
  at = hex_write(at, (u64)file->st_size);
  *at++ = '-';
  at = hex_write(at, (u64)file->st_ino);
  *at++ = '-';
  at = hex_write(at, (u64)timespec_ns(file->st_mtim));
  *at++ = '-';
  at = hex_write(at, (u64)timespec_ns(file->st_ctim));
  *at++ = '"';
  *at = 0;
  if (file->st_mtim.tv_sec >= 0) out->modified_s = file->st_mtim.tv_sec;
}

/* Is `etag` in the list? weak: a "W/" before a listed tag is overlooked (If-None-Match). */
static bool etag_listed(nf_bytes list, const char *etag, bool weak) {
  nf_bytes tag = text(etag);
  isize i = 0;
  while (i < list.len) {
    while (i < list.len && (list.at[i] == ' ' || list.at[i] == '\t' || list.at[i] == ',')) i++;
    bool is_weak = list.len - i >= 2 && list.at[i] == 'W' && list.at[i + 1] == '/';
    if (is_weak) i += 2;
    if (i >= list.len || list.at[i] != '"') return false; /* not a list of tags */
    isize start = i++;
    while (i < list.len && list.at[i] != '"') i++;
    if (i >= list.len) return false;
    i++;
    if ((weak || !is_weak) && bytes_same(bytes_from(list.at + start, i - start), tag)) return true;
  }
  return false;
}

static bool is_star(nf_bytes value) { return value.len == 1 && value.at[0] == '*'; }

cond_answer cond_check(const http_request *request, const validator *v) {
  i64 date;
  if (request->if_match.at != nullptr) {
    bool holds = is_star(request->if_match) ||
                 (v->etag[0] != 0 && etag_listed(request->if_match, v->etag, false));
    if (!holds) return COND_FAILED;
  } else if (request->if_unmodified_since.at != nullptr &&
             http_date_read(request->if_unmodified_since, &date)) {
    if (v->modified_s < 0 || v->modified_s > date) return COND_FAILED;
  }
  if (request->if_none_match.at != nullptr) {
    bool known = is_star(request->if_none_match) ||
                 (v->etag[0] != 0 && etag_listed(request->if_none_match, v->etag, true));
    return known ? COND_NOT_MODIFIED : COND_SEND;
  }
  if (request->if_modified_since.at != nullptr && v->modified_s >= 0 &&
      http_date_read(request->if_modified_since, &date) && v->modified_s <= date) {
    return COND_NOT_MODIFIED;
  }
  return COND_SEND;
}

bool cond_range_allowed(const http_request *request, const validator *v) {
  nf_bytes value = request->if_range;
  if (value.at == nullptr) return true;
  if (v->etag[0] != 0 && bytes_same(value, text(v->etag))) return true;
  i64 date;
  return v->modified_s >= 0 && http_date_read(value, &date) && date == v->modified_s;
}
