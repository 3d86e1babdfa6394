/* See request.h. */
#include "workers/render/request.h"

#include <string.h>

#include "yyjson.h"

static const char *const MP4_VIDEO[] = {"h264", "hevc", "av1", nullptr};
static const char *const MP4_AUDIO[] = {"aac", "mp3", "ac3", "eac3", "alac", "opus", nullptr};
static const char *const MKV_VIDEO[] = {"h264", "hevc", "av1", "vp8", "vp9", nullptr};
static const char *const MKV_AUDIO[] = {"aac",  "mp3",    "ac3",       "eac3",      "alac", "opus",
                                        "flac", "vorbis", "pcm_s16le", "pcm_s24le", nullptr};
static const char *const WEBM_VIDEO[] = {"vp8", "vp9", "av1", nullptr};
static const char *const WEBM_AUDIO[] = {"opus", "vorbis", nullptr};

static const container CONTAINERS[] = {
    {"mp4", "captioned.mp4", "mp4", MP4_VIDEO, MP4_AUDIO, "libx264", "aac", "mov_text"},
    {"mkv", "captioned.mkv", "matroska", MKV_VIDEO, MKV_AUDIO, "libx264", "aac", "copy"},
    {"webm", "captioned.webm", "webm", WEBM_VIDEO, WEBM_AUDIO, "libvpx-vp9", "libopus", "copy"},
};
static const preset PRESETS[] = {
    {"balanced", "-preset medium -crf 21", "-deadline good -cpu-used 4 -crf 32"},
    {"fast", "-preset veryfast -crf 23", "-deadline realtime -cpu-used 8 -crf 34"},
    {"small", "-preset slow -crf 26", "-deadline good -cpu-used 2 -crf 38"},
};
static const struct {
  const char *name;
  int permille;
} SIZES[] = {{"medium", 58}, {"small", 44}, {"large", 76}};

/* Which of `n` names lies `step` bytes apart; absent: the first; -1: none. */
static int choice(yyjson_val *request, const char *field, const void *first, int n, size_t step) {
  yyjson_val *value = yyjson_obj_get(request, field);
  if (value == nullptr) return 0;
  for (int i = 0; i < n; i++) {
    const char *name;
    memcpy(&name, (const char *)first + (size_t)i * step, sizeof name);
    if (yyjson_equals_str(value, name)) return i;
  }
  return -1;
}
#define CHOICE(field, table) \
  choice(value, field, table, (int)(sizeof(table) / sizeof *(table)), sizeof *(table))

bool request_read(const char *path, request *r, failure *f) {
  static const struct {
    const char *name;
  } modes[] = {{"burn-in"}, {"soft"}};
  yyjson_doc *doc = yyjson_read_file(path, 0, nullptr, nullptr);
  yyjson_val *value = yyjson_obj_get(yyjson_doc_get_root(doc), "request");
  int mode = CHOICE("mode", modes), container = CHOICE("container", CONTAINERS);
  int preset = CHOICE("preset", PRESETS), size = CHOICE("size", SIZES);
  bool ok = yyjson_is_obj(value) && mode >= 0 && container >= 0 && preset >= 0 && size >= 0;
  yyjson_doc_free(doc);
  if (!ok)
    return fails(f, false,
                 "a request of another version; './dev render' brings the worker up to date");
  *r = (request){.soft = mode == 1,
                 .container = &CONTAINERS[container],
                 .preset = &PRESETS[preset],
                 .font_permille = SIZES[size].permille};
  return true;
}

bool codec_in(const char *codec, const char *const *list) {
  for (; *list != nullptr; list++) {
    if (strcmp(codec, *list) == 0) return true;
  }
  return false;
}
