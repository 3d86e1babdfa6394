/* See http_origin.h. */
#include "server/http_origin.h"

static bool is_type(nf_bytes content_type, const char *type) {
  nf_bytes rest = content_type, essence = bytes_take(&rest, ';');
  return bytes_same_nocase(essence, text(type));
}

bool http_origin_is_another(const http_request *r) {
  nf_bytes site = r->fetch_site, origin = r->origin;
  bool own = bytes_same(site, text("same-origin")) || bytes_same(site, text("none"));
  if (site.at != nullptr && !own) return true;
  if (origin.at == nullptr) return false;
  isize scheme = bytes_begin(origin, "http://") ? 7 : bytes_begin(origin, "https://") ? 8 : 0;
  return scheme == 0 || !bytes_same_nocase(bytes_after(origin, scheme), r->host);
}

bool http_origin_is_foreign(const http_request *r) {
  if (http_origin_is_another(r)) return true;
  if (r->origin.at != nullptr) return false;
  if (r->fetch_site.at != nullptr || r->method == METHOD_DELETE) return false;
  return r->content_type.at == nullptr || is_type(r->content_type, "text/plain") ||
         is_type(r->content_type, "multipart/form-data") ||
         is_type(r->content_type, "application/x-www-form-urlencoded");
}
