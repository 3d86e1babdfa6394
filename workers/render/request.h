/* What is asked for: job.json, which the server wrote (server/jobs/job_kind.c checked it), and what
 * each answer means to ffmpeg. */
#pragma once
#include "workers/render/say.h"

/* The kind of file that comes out. */
typedef struct {
  const char *name, *file, *muxer;
  const char *const *video, *const *audio; /* codecs that are copied; NULL-terminated */
  const char *video_encoder, *audio_encoder; /* else these are used */
  const char *subtitles; /* codec of soft ones */
} container;

/* The work put into it, for the encoder of the container. */
typedef struct {
  const char *name, *x264, *vp9; /* ffmpeg's options */
} preset;

typedef struct {
  bool soft;
  const container *container;
  const preset *preset;
  int font_permille; /* of nf_ass_desc */
} request;

/* Read the file `path`. */
bool request_read(const char *path, request *r, failure *f);
/* Is `codec` one of a NULL-terminated list? */
bool codec_in(const char *codec, const char *const *list);
