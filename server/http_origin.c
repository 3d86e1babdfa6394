/* See http_origin.h. */
#include "server/http_origin.h"

static bool is_type(nf_bytes content_type, const char *type) {
  nf_bytes rest = content_type, essence = bytes_take(&rest, ';');
  return bytes_same_nocase(essence, text(type));
}

bool http_origin_is_foreign(const http_request *r) {
  if (r->fetch_site.at != nullptr && !bytes_same(r->fetch_site, text("same-origin")) &&
      !bytes_same(r->fetch_site, text("none"))) {
    return true;
  }
  if (r->origin.at != nullptr) {
    nf_bytes o = r->origin;
    isize scheme = bytes_begin(o, "http://") ? 7 : bytes_begin(o, "https://") ? 8 : 0;
    return scheme == 0 || !bytes_same_nocase(bytes_after(o, scheme), r->host);
  }
  if (r->fetch_site.at != nullptr || r->method == METHOD_DELETE) return false;
  return r->content_type.at == nullptr || is_type(r->content_type, "text/plain") ||
         is_type(r->content_type, "multipart/form-data") ||
         is_type(r->content_type, "application/x-www-form-urlencoded");
}
