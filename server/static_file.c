/* See static_file.h. */
#include "server/static_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/encoding.h"
#include "server/media_type.h"
#include "server/platform.h"
#include "server/range.h"

void file_reply_finish(const http_request *request, http_reply *reply) {
  reply->accept_ranges = true;
  switch (cond_check(request, &reply->validator)) {
    case COND_FAILED: http_reply_error(reply, 412, nullptr, false); return;
    case COND_NOT_MODIFIED:
      http_reply_drop(reply);
      reply->status = 304;
      reply->body_bytes = 0;
      return;
    case COND_SEND: break;
  }
  reply->status = 200;
  if (request->method != METHOD_GET || !cond_range_allowed(request, &reply->validator)) return;
  i64 total = reply->body_bytes;
  switch (range_parse(request->range, total, &reply->range_from, &reply->body_bytes)) {
    case RANGE_NONE: return;
    case RANGE_PART:
      reply->status = 206;
      reply->range_total = total;
      reply->file_from += reply->range_from;
      return;
    case RANGE_OUTSIDE:
      reply->range_total = total;
      http_reply_error(reply, 416, nullptr, false);
      return;
  }
}

/* Hidden files and empty segments do not exist here; ".well-known" does. */
static bool path_is_served(nf_bytes path) {
  for (isize i = 0; i + 1 < path.len; i++) {
    if (path.at[i] != '/') continue;
    if (path.at[i + 1] == '/') return false;
    if (path.at[i + 1] == '.' && !bytes_begin(bytes_after(path, i + 1), ".well-known/"))
      return false;
  }
  return true;
}

static int open_regular(int root, const char *path, struct stat *facts) {
  int file = platform_open_beneath(root, path);
  if (file < 0) return -1;
  if (fstat(file, facts) == 0 && S_ISREG(facts->st_mode)) return file;
  close(file);
  errno = ENOENT;
  return -1;
}

static bool older(struct timespec a, struct timespec b) {
  return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

/* Replace the open file by PATH.br or PATH.gz if the client wants it and it is not older than
 * the file itself (a forgotten one must not win). path has room for the suffix. */
static void variant_choose(int root, const http_request *request, char *path, isize path_len,
                           struct stat *facts, http_reply *reply) {
  encoding_wish wish = encoding_parse(request->accept_encoding);
  for (int i = 0; i < 2; i++) {
    bool br = (i == 0) == (wish.br >= wish.gzip); /* the better liked first, br on a tie */
    if ((br ? wish.br : wish.gzip) == 0) continue;
    memcpy(path + path_len, br ? ".br" : ".gz", 4);
    struct stat variant;
    int file = open_regular(root, path, &variant);
    if (file < 0) continue;
    if (older(variant.st_mtim, facts->st_mtim)) {
      close(file);
      continue;
    }
    close(reply->file);
    reply->file = file;
    reply->content_encoding = br ? "br" : "gzip";
    *facts = variant;
    return;
  }
}

void static_file_reply(int root, const http_request *request, i64 now_ns, http_reply *reply) {
  nf_bytes name = bytes_from(request->path, request->path_len);
  char path[HTTP_PATH_BYTES_MAX + 16];
  if (!path_is_served(name)) {
    http_reply_error(reply, 404, nullptr, false);
    return;
  }
  isize len = name.len - 1;
  memcpy(path, name.at + 1, (size_t)len);
  path[len] = 0;
  if (name.at[name.len - 1] == '/') {
    static const char index[] = "index.html";
    memcpy(path + len, index, sizeof index);
    len += (isize)sizeof index - 1;
  }
  struct stat facts;
  reply->file = open_regular(root, path, &facts);
  if (reply->file < 0) {
    int error = errno;
    bool ours = platform_fault(error);
    http_reply_error(reply, !ours ? 404 : error == EIO ? 500 : 503, nullptr, ours);
    return;
  }
  media_type media = media_type_of(bytes_from(path, len));
  reply->content_type = media.type;
  if (media.compressible) {
    reply->vary_encoding = true;
    if (request->accept_encoding.at != nullptr) {
      variant_choose(root, request, path, len, &facts, reply);
    }
  }
  reply->cache_control =
      name_is_immutable(name) ? "public, max-age=31536000, immutable" : "no-cache";
  reply->body_bytes = facts.st_size;
  etag_from_stat(&facts, now_ns, &reply->validator);
  file_reply_finish(request, reply);
}
