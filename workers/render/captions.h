/* The captions on descriptor 4, and the files that are made of them in the current folder. */
#pragma once
#include "nearfield.h"
#include "workers/render/media.h"
#include "workers/render/request.h"

#define CAPTIONS_FONT "DejaVu Sans"
#define CAPTIONS_FONT_FILE "DejaVuSans.ttf"

/* Close the document. failures: no captions, no cue, over 16 MB */
bool captions_read(nf_caption **doc, failure *f);
/* captions.ass to burn in; as a track captions.srt, captions.vtt for WebM. path: static; digest: of
 * the file, digest[32] */
bool captions_write(nf_caption *doc, const request *r, const media *m, const char **path,
                    uint8_t *digest, failure *f);
