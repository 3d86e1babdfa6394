/* See render.h. */
#include "workers/render/render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workers/render/pieces.h"

enum { PIECE_S = 5 };
#define FFMPEG "ffmpeg -nostdin -hide_banner -loglevel error -y"
#define SOUND "sound.mp4"

typedef struct {
  const request *r;
  const media *m;
  const render_plan *plan;
  bool encode_video, encode_audio;
  int64_t piece_frames;
  int64_t n_pieces, n_frames; /* kept; of this try's process */
  int64_t first;              /* the piece this try began with */
  failure *f;
  bool kept_failed;
} work;

static double seconds_of(const work *w, int64_t n_frames) {
  return (double)n_frames * (double)w->m->rate_den / (double)w->m->rate_num;
}

/* ---- what this ffmpeg can do ---- */

static void has_line(void *to, char *line) {
  static const char *const heads[] = {"Filter ", "Encoder "};
  for (int i = 0; i < 2; i++) {
    if (strncmp(line, heads[i], strlen(heads[i])) == 0) *(bool *)to = true;
  }
}

/* "ffmpeg version 5.1.9-0+deb12u1 ...", the first line. */
typedef struct {
  char line[200];
} version;
static void version_line(void *to, char *line) {
  version *v = to;
  if (v->line[0] == 0) snprintf(v->line, sizeof v->line, "%.*s", (int)sizeof v->line - 1, line);
}
static bool version_read(version *v, failure *f) {
  static program_args a;
  *v = (version){0};
  a = (program_args){0};
  args_add(&a, "ffmpeg -version");
  return program_must(&a, version_line, v, "ffmpeg does not answer", f);
}

static bool ffmpeg_has(const char *kind, const char *name, const char *library, failure *f) {
  static program_args a;
  bool has = false;
  a = (program_args){0};
  args_add(&a, "ffmpeg -hide_banner -h %s=%s", kind, name);
  if (!program_must(&a, has_line, &has, "ffmpeg does not answer", f)) return false;
  return has ||
         fails(f, false, "this ffmpeg has no %s: apt-get install --no-install-recommends ffmpeg",
               library);
}

bool render_can_draw(failure *f) { return ffmpeg_has("filter", "ass", "libass", f); }

/* ---- the picture, in pieces ---- */

static void encoder_add(program_args *a, const work *w) {
  bool x264 = strcmp(w->r->container->video_encoder, "libx264") == 0;
  args_add(a, "-c:v %s %s", w->r->container->video_encoder,
           x264 ? w->r->preset->x264 : w->r->preset->vp9);
  if (!x264) args_add(a, "-b:v 0 -row-mt 1");
}

/* fps: a frame every 1/rate s from piece `first` on, whatever the video has; ass sees the file's
 * own clock; the encoder counts from 0. */
static void filters_add(program_args *a, const work *w, int64_t first) {
  char ass[80] = "", scale[80] = "";
  if (!w->r->soft) snprintf(ass, sizeof ass, "ass=%s:fontsdir=fonts,", w->plan->captions);
  if (w->m->scaled) {
    snprintf(scale, sizeof scale, "scale=%d:%d,setsar=1,", w->m->width, w->m->height);
  }
  args_word(a, "-vf");
  args_word(a, "fps=%lld/%lld:start_time=%.6f,%s%sformat=yuv420p,setpts=N",
            (long long)w->m->rate_num, (long long)w->m->rate_den,
            seconds_of(w, first * w->piece_frames), scale, ass);
}

static void pieces_args(program_args *a, const work *w, int64_t first) {
  args_add(a, FFMPEG " -copyts -start_at_zero");
  if (first > 0 &&
      w->m->exact_seek) { /* the key frame before; fps drops what is before its start */
    args_add(a, "-noaccurate_seek -ss %.6f", seconds_of(w, first * w->piece_frames) - 1);
  }
  args_add(a, MEDIA_OPEN " -map 0:%d -an -sn -dn", w->m->i_video);
  filters_add(a, w, first);
  encoder_add(a, w);
  args_add(a, "-force_key_frames expr:gte(n,n_forced*%lld)", (long long)w->piece_frames);
  args_add(a, "-f segment -segment_format mp4 -reset_timestamps 1 -segment_start_number %lld",
           (long long)first);
  args_add(a, "-segment_time %.6f -segment_time_delta %.6f", seconds_of(w, w->piece_frames),
           seconds_of(w, 1) / 2);
  args_add(a, "-segment_list pipe:1 -segment_list_type csv -progress pipe:1 %%06d.mp4");
}

/* "000012.mp4,START,END" when a piece is whole, "frame=N" every half second. */
static void pieces_line(void *to, char *line) {
  work *w = to;
  char name[32];
  snprintf(name, sizeof name, PIECE_FORMAT, (long long)w->n_pieces);
  size_t len = strlen(name);
  if (strncmp(line, "frame=", 6) == 0) {
    w->n_frames = strtoll(line + 6, nullptr, 10);
    double done = seconds_of(w, w->first * w->piece_frames + w->n_frames);
    if (w->m->duration_s > 0) say_progress(0.02 + 0.9 * (done / w->m->duration_s));
  } else if (strncmp(line, name, len) == 0 && line[len] == ',' && !w->kept_failed) {
    if (strcmp(line + len, ",0.000000,0.000000") == 0) return; /* there was no frame any more */
    w->kept_failed = !pieces_keep(name, w->f);
    if (w->kept_failed) return; /* ffmpeg goes on to its end, in vain: the disk is full */
    say_piece(w->n_pieces++);
  }
}

static bool pieces_make(work *w) {
  static program_args a;
  a = (program_args){0};
  w->first = w->n_pieces;
  pieces_args(&a, w, w->first);
  bool ok = program_must(&a, pieces_line, w, "ffmpeg cannot render the video", w->f);
  bool nothing =
      w->n_frames == 0 && (ok || strstr(w->f->line, "Cannot determine format") != nullptr);
  if (w->kept_failed || (!ok && !nothing)) return false;
  if (w->n_pieces == 0) {
    return fails(w->f, false,
                 "no frame of the video can be decoded; export it again as MP4 (H.264)");
  }
  return pieces_end(
      w->f); /* nothing: the last try made all pieces, and was lost before it said so */
}

/* ---- the sound ---- */

static bool sound_make(const work *w) {
  static program_args a;
  if (pieces_have(SOUND)) return true;
  a = (program_args){0};
  args_add(&a, FFMPEG " " MEDIA_OPEN " -map 0:a -vn -sn -dn");
  args_add(&a, "-c:a %s -b:a 160k -ac 2", w->r->container->audio_encoder);
  args_add(&a, "-af aresample=async=1:first_pts=0 -f mp4 " SOUND); /* begins at 0, no gaps */
  return program_must(&a, nullptr, nullptr, "ffmpeg cannot read the sound", w->f) &&
         pieces_keep(SOUND, w->f);
}

/* ---- all of it ---- */

static bool list_write(const work *w) {
  FILE *list = fopen("pieces.txt", "w");
  bool ok = list != nullptr && fputs("ffconcat version 1.0\n", list) >= 0;
  for (int64_t i = 0; ok && i < w->n_pieces; i++) {
    ok = fprintf(list, "file " PIECES_FOLDER PIECE_FORMAT "\n", (long long)i) > 0;
    if (ok && i + 1 < w->n_pieces) {
      ok = fprintf(list, "duration %.6f\n", seconds_of(w, w->piece_frames)) > 0;
    }
  }
  if (list != nullptr) ok = fclose(list) == 0 && ok;
  return ok || fails(w->f, true, "pieces.txt cannot be written: %s", strerror(errno));
}

static void join_line(void *to, char *line) {
  const work *w = to;
  if (strncmp(line, "out_time_us=", 12) != 0 || w->m->duration_s == 0) return;
  double done = strtod(line + 12, nullptr) / 1e6 / w->m->duration_s;
  say_progress(0.93 + 0.05 * (done < 1 ? done : 1));
}

static bool join(work *w) {
  static program_args a;
  const container *c = w->r->container;
  int n_inputs = 0, video = 0, audio = 0;
  a = (program_args){0};
  args_add(&a, FFMPEG);
  if (w->encode_video) {
    if (!list_write(w)) return false;
    args_add(&a, "-protocol_whitelist file -format_whitelist concat,mov -f concat -safe 0");
    args_add(&a, "-i pieces.txt");
    video = n_inputs++;
  }
  if (!w->encode_video || (w->m->n_audio > 0 && !w->encode_audio)) {
    args_add(&a, MEDIA_OPEN);
    audio = n_inputs++;
    if (!w->encode_video) video = audio;
  }
  if (w->encode_audio) {
    args_add(&a, "-protocol_whitelist file -format_whitelist mov -i " PIECES_FOLDER SOUND);
    audio = n_inputs++;
  }
  if (w->r->soft) {
    args_add(&a, "-protocol_whitelist file -format_whitelist srt,webvtt -i %s", w->plan->captions);
    n_inputs++;
  }
  args_add(&a, "-map %d:%d", video, w->encode_video ? 0 : w->m->i_video);
  if (w->m->n_audio > 0) args_add(&a, "-map %d:a", audio);
  if (w->r->soft)
    args_add(&a, "-map %d:0 -disposition:s:0 default -c:s %s", n_inputs - 1, c->subtitles);
  args_add(&a, "-c:v copy -c:a copy -map_chapters -1");
  if (strcmp(c->name, "mp4") == 0) args_add(&a, "-movflags +faststart");
  if (strcmp(c->name, "mp4") == 0 && !w->encode_video && strcmp(w->m->codec, "hevc") == 0) {
    args_add(&a, "-tag:v hvc1"); /* what Apple's players look for */
  }
  args_add(&a, "-progress pipe:1 -f %s %s", c->muxer, c->file);
  return program_must(&a, join_line, w, "ffmpeg cannot write the video", w->f);
}

/* All that decides what a piece holds: pieces of two encoders do not join. */
static bool plan_write(const work *w, char *out, size_t cap) {
  static program_args a;
  struct stat video;
  char hash[65];
  version v;
  if (!version_read(&v, w->f)) return false;
  if (fstat(3, &video) != 0) video = (struct stat){0};
  for (size_t i = 0; i < 32; i++) snprintf(hash + 2 * i, 3, "%02x", w->plan->captions_sha256[i]);
  a = (program_args){0};
  pieces_args(&a, w, 0);
  args_add(&a, "%s %d", w->r->container->audio_encoder, w->encode_audio);
  int n = snprintf(out, cap, "render 1\n%s\nvideo %lld %lld %lld.%09ld\ncaptions %s\n", v.line,
                   (long long)video.st_ino, (long long)video.st_size,
                   (long long)video.st_mtim.tv_sec, video.st_mtim.tv_nsec, hash);
  for (int i = 0; i < a.n; i++) n += snprintf(out + n, cap - (size_t)n, "%s ", a.at[i]);
  return true;
}

bool render(const request *r, const media *m, const render_plan *plan, failure *f) {
  static char text[ARGS_TEXT + 1024];
  work w = {.r = r, .m = m, .plan = plan, .f = f};
  const container *c = r->container;
  w.encode_video = !r->soft || !m->stamped || !codec_in(m->codec, c->video);
  for (int i = 0; i < m->n_audio; i++) w.encode_audio |= !codec_in(m->audio[i], c->audio);
  w.encode_audio |= m->n_audio > 0 && !m->stamped;
  w.piece_frames = (PIECE_S * m->rate_num + m->rate_den / 2) / m->rate_den;
  if (w.encode_video && !ffmpeg_has("encoder", c->video_encoder, c->video_encoder, f)) return false;
  bool whole;
  if (!plan_write(&w, text, sizeof text)) return false;
  if (!pieces_begin(text, &w.n_pieces, &whole, f)) return false;
  if (w.encode_video && !whole && !pieces_make(&w)) return false;
  say_progress(0.92);
  if (w.encode_audio && !sound_make(&w)) return false;
  say_progress(0.93);
  if (!join(&w)) return false;
  say_progress(0.98);
  if (media_is_whole(m, c->file, f)) return true;
  (void)unlink(c->file);
  return false;
}
