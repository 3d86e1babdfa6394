/* The video itself: what of it is copied and what is encoded, in pieces that survive the process,
 * and how it is joined. Everything that ffmpeg is told is here.
 *
 *   picture  copied, or encoded at a constant rate in pieces of 5 s that begin with a key frame:
 *            one ffmpeg process writes them one after another (its segment muxer); each that it has
 *            finished is synced and kept. The next try goes on behind the last of them
 *   sound    copied, or encoded as one file that is kept
 *   join     pieces, sound and soft captions -> captioned.*, nothing is encoded */
#pragma once
#include "workers/render/media.h"
#include "workers/render/request.h"

typedef struct {
  const char *captions; /* their file, in the current folder */
  uint8_t captions_sha256[32];
} render_plan;

/* Does this machine's ffmpeg have libass? */
bool render_can_draw(failure *f);
bool render(const request *r, const media *m, const render_plan *plan, failure *f);
