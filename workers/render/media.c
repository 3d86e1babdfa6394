/* See media.h. */
#include "workers/render/media.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "yyjson.h"

enum { WIDTH_MAX = 8192, HEIGHT_MAX = 8192, RATE_MAX = 120 };

/* ---- ffprobe's JSON ---- */

typedef struct {
  char *at;
  size_t len, cap;
} json_text;

static void json_line(void *to, char *line) {
  json_text *b = to;
  size_t n = strlen(line);
  if (b->len + n + 1 > b->cap) {
    size_t cap = (b->len + n + 1) * 2;
    char *grown = realloc(b->at, cap);
    if (grown == nullptr) return; /* then it is no JSON */
    b->at = grown;
    b->cap = cap;
  }
  memcpy(b->at + b->len, line, n);
  b->len += n;
  b->at[b->len] = 0;
}

/* Free the document. null: the failure says why. */
static yyjson_doc *probe(program_args *a, const char *what, failure *f) {
  json_text json = {0};
  yyjson_doc *doc = nullptr;
  if (program_must(a, json_line, &json, what, f)) {
    doc = json.at != nullptr ? yyjson_read(json.at, json.len, 0) : nullptr;
    if (doc == nullptr) (void)fails(f, true, "ffprobe's answer is no JSON");
  }
  free(json.at);
  return doc;
}

static const char *text_of(yyjson_val *object, const char *name) {
  const char *s = yyjson_get_str(yyjson_obj_get(object, name));
  return s != nullptr ? s : "";
}

/* "30000/1001" or "4:3"; false: not two numbers above 0 */
static bool ratio_read(const char *s, char mark, int64_t *num, int64_t *den) {
  char *end;
  int64_t a = strtoll(s, &end, 10);
  if (*end != mark) return false;
  int64_t b = strtoll(end + 1, &end, 10);
  if (*end != 0 || a <= 0 || b <= 0 || a > 1000000000 || b > 1000000000) return false;
  *num = a;
  *den = b;
  return true;
}

/* ---- the picture ---- */

static bool rate_fits(int64_t num, int64_t den) {
  return num >= den && num <= RATE_MAX * den; /* 1 to RATE_MAX */
}

/* A constant rate, so that pieces can be cut and joined to the frame. */
static void rate_choose(yyjson_val *stream, media *m) {
  static const char *const names[] = {"r_frame_rate", "avg_frame_rate"};
  for (int i = 0; i < 2; i++) {
    bool known = ratio_read(text_of(stream, names[i]), '/', &m->rate_num, &m->rate_den);
    if (known && rate_fits(m->rate_num, m->rate_den)) return;
  }
  m->rate_num = 30;
  m->rate_den = 1;
}

/* Null: the picture is shown as it lies in the file. */
static yyjson_val *rotation_of(yyjson_val *stream) {
  yyjson_val *list = yyjson_obj_get(stream, "side_data_list"), *one;
  size_t i, n;
  yyjson_arr_foreach(list, i, n, one) {
    yyjson_val *rotation = yyjson_obj_get(one, "rotation");
    if (yyjson_is_num(rotation)) return rotation;
  }
  return nullptr;
}

static bool picture_read(yyjson_val *stream, media *m, failure *f) {
  int64_t w = yyjson_get_sint(yyjson_obj_get(stream, "width"));
  int64_t h = yyjson_get_sint(yyjson_obj_get(stream, "height")), num = 1, den = 1;
  if (w < 1 || h < 1) {
    return fails(f, false, "the picture of the video has no size; export it again as MP4 (H.264)");
  }
  bool odd_pixels =
      ratio_read(text_of(stream, "sample_aspect_ratio"), ':', &num, &den) && num != den;
  int64_t shown = odd_pixels ? w * num / den : w;
  yyjson_val *rotation = rotation_of(stream); /* 0: mirrored */
  bool upright = rotation == nullptr || labs(lround(yyjson_get_num(rotation))) % 180 != 90;
  m->turned = rotation != nullptr;
  m->width = (int)((upright ? shown : h) & ~1);
  m->height = (int)((upright ? h : shown) & ~1);
  if (m->width < 16 || m->height < 16 || m->width > WIDTH_MAX || m->height > HEIGHT_MAX ||
      w > WIDTH_MAX) {
    return fails(f, false,
                 "a picture of %lld x %lld cannot be rendered; 16 to %d pixels a side can",
                 (long long)shown, (long long)h, WIDTH_MAX);
  }
  snprintf(m->codec, sizeof m->codec, "%s", text_of(stream, "codec_name"));
  rate_choose(stream, m);
  return true;
}

/* Phones put a second sound beside the first, of a codec that ffmpeg has not heard of. */
static void sound_read(yyjson_val *stream, media *m) {
  const char *codec = text_of(stream, "codec_name");
  if (m->n_audio == 1 && m->audio[0][0] == 0) m->n_audio = 0; /* one of a known codec instead */
  if (m->n_audio == MEDIA_AUDIO_MAX || (m->n_audio > 0 && codec[0] == 0)) return;
  m->i_audio[m->n_audio] = (int)yyjson_get_sint(yyjson_obj_get(stream, "index"));
  snprintf(m->audio[m->n_audio++], sizeof m->audio[0], "%s", codec);
}

static bool streams_read(yyjson_val *root, media *m, failure *f) {
  yyjson_val *stream;
  size_t i, n;
  yyjson_arr_foreach(yyjson_obj_get(root, "streams"), i, n, stream) {
    const char *type = text_of(stream, "codec_type");
    yyjson_val *cover = yyjson_obj_get(yyjson_obj_get(stream, "disposition"), "attached_pic");
    if (strcmp(type, "audio") == 0) sound_read(stream, m);
    if (strcmp(type, "video") != 0 || m->i_video >= 0 || yyjson_get_sint(cover) == 1) continue;
    m->i_video = (int)yyjson_get_sint(yyjson_obj_get(stream, "index"));
    if (!picture_read(stream, m, f)) return false;
  }
  if (m->i_video >= 0) return true;
  return fails(f, false, "there is no picture in the file; captions are rendered into a video");
}

/* ---- how long ---- */

/* Seconds: "3.02" of MP4, "00:00:03.02" of Matroska's tag; 0: not known. */
static double stream_seconds(yyjson_val *stream) {
  double plain = strtod(text_of(stream, "duration"), nullptr), s = 0;
  const char *tag = text_of(yyjson_obj_get(stream, "tags"), "DURATION");
  int h, m;
  bool tagged = sscanf(tag, "%d:%d:%lf", &h, &m, &s) == 3;
  if (isfinite(plain) && plain > 0) return plain;
  return tagged && isfinite(s) ? h * 3600.0 + m * 60.0 + s : 0;
}

/* Subtitles may go on when picture and sound are over: then only what those two say counts. */
static void durations_read(yyjson_val *root, const char *format_name, media *m) {
  yyjson_val *format = yyjson_obj_get(root, "format"), *stream;
  bool matroska = strncmp(format_name, "matroska", 8) == 0, others = false;
  double start = matroska ? strtod(text_of(format, "start_time"), nullptr) : 0, longest = 0;
  if (!isfinite(start) || start < 0) start = 0; /* there it is the time of the end */
  double whole = strtod(text_of(format, "duration"), nullptr) - start;
  m->duration_s = isfinite(whole) && whole > 0 ? whole : 0;
  size_t i, n;
  yyjson_arr_foreach(yyjson_obj_get(root, "streams"), i, n, stream) {
    const char *type = text_of(stream, "codec_type");
    bool shown = strcmp(type, "audio") == 0 || strcmp(type, "video") == 0;
    double s = shown ? stream_seconds(stream) - start : 0;
    others |= !shown;
    if (s > longest) longest = s;
  }
  bool guess = strcmp(format_name, "mpegts") == 0 || strcmp(format_name, "mpeg") == 0;
  m->claimed_s = guess ? 0 : others ? longest : m->duration_s;
}

bool media_read(media *m, failure *f) {
  static program_args a;
  struct stat facts;
  *m = (media){.i_video = -1};
  if (fstat(3, &facts) != 0) return fails(f, true, "the video is not there");
  if (facts.st_size == 0) return fails(f, false, "the video file is empty; upload it again");
  a = (program_args){0};
  args_add(&a, "ffprobe -v error -of json -show_entries");
  args_word(
      &a,
      "format=format_name,start_time,duration:stream=index,codec_type,codec_name,width,height,"
      "sample_aspect_ratio,r_frame_rate,avg_frame_rate,duration:stream_tags=DURATION:"
      "stream_disposition=attached_pic:stream_side_data=rotation");
  args_add(&a, MEDIA_OPEN);
  yyjson_doc *doc =
      probe(&a, "ffmpeg cannot read the video, export it again as MP4, MKV or WebM", f);
  if (doc == nullptr) return false;
  yyjson_val *root = yyjson_doc_get_root(doc), *format = yyjson_obj_get(root, "format");
  const char *name = text_of(format, "format_name");
  m->exact_seek = strncmp(name, "mov", 3) == 0 || strncmp(name, "matroska", 8) == 0;
  m->stamped = m->exact_seek || strcmp(name, "mpegts") == 0 || strcmp(name, "flv") == 0;
  durations_read(root, name, m);
  bool ok = streams_read(root, m, f);
  yyjson_doc_free(doc);
  return ok;
}

/* ---- what came out ---- */

typedef struct {
  double end_s;
} end_of;

/* "time,duration" of a packet, either of them perhaps "N/A" */
static void packet_line(void *to, char *line) {
  end_of *e = to;
  char *rest = line;
  double at = strtod(rest, &rest), length = *rest == ',' ? strtod(rest + 1, nullptr) : 0;
  if (isfinite(at) && at + length > e->end_s) e->end_s = at + length;
}

bool media_is_whole(const media *m, const char *path, failure *f) {
  static program_args a;
  static const char *const streams[] = {"v:0", "a"};
  end_of end = {0};
  for (int i = 0; i < 2; i++) { /* a video may be shorter than its sound */
    a = (program_args){0};
    args_add(&a, "ffprobe -v error -of csv=p=0 -show_entries packet=pts_time,duration_time");
    args_add(&a, "-select_streams %s %s", streams[i], path);
    if (!program_must(&a, packet_line, &end, "the rendered video cannot be read", f)) return false;
  }
  double slack = m->claimed_s / 50 > 2 ? m->claimed_s / 50 : 2;
  if (m->claimed_s - end.end_s <= slack) return true;
  return fails(f, false,
               "the video claims to last %.0f s and ends after %.0f s: it is cut off or damaged; "
               "export or upload it again",
               m->claimed_s, end.end_s);
}
