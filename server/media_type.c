/* See media_type.h. */
#include "server/media_type.h"

static const struct {
  const char *suffix;
  media_type media;
} TYPES[] = {
    {".html", {"text/html; charset=utf-8", true}},
    {".js", {"text/javascript; charset=utf-8", true}},
    {".mjs", {"text/javascript; charset=utf-8", true}},
    {".css", {"text/css; charset=utf-8", true}},
    {".json", {"application/json", true}},
    {".map", {"application/json", true}},
    {".webmanifest", {"application/manifest+json", true}},
    {".wasm", {"application/wasm", true}},
    {".svg", {"image/svg+xml", true}},
    {".txt", {"text/plain; charset=utf-8", true}},
    {".md", {"text/markdown; charset=utf-8", true}},
    {".wgsl", {"text/plain; charset=utf-8", true}},
    {".srt", {"application/x-subrip; charset=utf-8", true}},
    {".vtt", {"text/vtt; charset=utf-8", true}},
    {".png", {"image/png", false}},
    {".jpg", {"image/jpeg", false}},
    {".webp", {"image/webp", false}},
    {".ico", {"image/x-icon", false}},
    {".woff2", {"font/woff2", false}},
    {".mp4", {"video/mp4", false}},
    {".webm", {"video/webm", false}},
    {".mp3", {"audio/mpeg", false}},
    {".m4a", {"audio/mp4", false}},
    {".ogg", {"audio/ogg", false}},
    {".opus", {"audio/ogg", false}},
    {".wav", {"audio/wav", false}},
};

media_type media_type_of(nf_bytes name) {
  isize dot = name.len;
  while (dot > 0 && name.at[dot - 1] != '.' && name.at[dot - 1] != '/') dot--;
  if (dot > 0 && name.at[dot - 1] == '.') {
    nf_bytes suffix = bytes_after(name, dot - 1);
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
      if (bytes_same_nocase(suffix, text(TYPES[i].suffix))) return TYPES[i].media;
    }
  }
  return (media_type){"application/octet-stream", false};
}

static bool is_base64url(u8 c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

bool name_is_immutable(nf_bytes path) {
  if (!bytes_begin(path, "/assets/")) return false;
  isize slash = path.len;
  while (slash > 0 && path.at[slash - 1] != '/') slash--;
  isize dot = path.len - 1;
  while (dot > slash && path.at[dot] != '.') dot--;
  if (dot - slash < 10 || path.at[dot - 9] != '-') return false;
  for (isize i = dot - 8; i < dot; i++) {
    if (!is_base64url(path.at[i])) return false;
  }
  return true;
}
