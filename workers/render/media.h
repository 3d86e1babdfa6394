/* What the video on descriptor 3 holds, as ffprobe sees it. Owns the lists of what may be opened.
 */
#pragma once
#include "workers/render/program.h"

/* ffmpeg's options before "-i /proc/self/fd/3". Without the lists a file named .mp4 that is a
 * script (ffconcat, m3u8) would make it open other files and addresses. */
#define MEDIA_OPEN                              \
  "-protocol_whitelist file -format_whitelist " \
  "mov,matroska,avi,flv,mpeg,mpegts,asf,ogg -i /proc/self/fd/3"

enum { MEDIA_AUDIO_MAX = 16 };
typedef struct {
  bool exact_seek; /* a container whose key frames are found by its index */
  bool stamped;    /* its packets know their times, so that they can be copied */
  int i_video;     /* index of the stream */
  char codec[32];
  int width, height; /* as it is shown: turned upright, pixels square, sides even */
  bool turned;       /* the file says so beside the picture: only MP4 can be told to */
  int64_t rate_num, rate_den; /* frames a second */
  int n_audio;
  int i_audio[MEDIA_AUDIO_MAX];    /* indices of the streams */
  char audio[MEDIA_AUDIO_MAX][32]; /* codecs */
  double duration_s;               /* of all that is in it, for progress; 0: not known */
  double claimed_s;                /* of picture and sound; 0: nothing, or a guess */
} media;

/* failures: nothing that can be opened, no picture, a picture too large */
bool media_read(media *m, failure *f);
/* Is the video that was written to `path` about as long as the file claims? */
bool media_is_whole(const media *m, const char *path, failure *f);
