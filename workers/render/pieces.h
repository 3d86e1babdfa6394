/* The folder kept/ that a job's tries hand on (server/jobs/job_folder.h): pieces of the picture
 * that are whole and synced, the sound, and the plan that they were made by. What was made by
 * another plan counts for nothing. Owns their names; does not know how one is made.
 *
 *   kept/plan          the text; kept/000012.mp4 a piece; kept/whole: there are no more of them
 *   000012.mp4         a piece that is being written, in the try's own folder */
#pragma once
#include "workers/render/say.h"

#define PIECE_FORMAT "%06lld.mp4"
#define PIECES_FOLDER "kept/"

/* How many of the first pieces are there; whole: they are all. */
bool pieces_begin(const char *plan, int64_t *n, bool *whole, failure *f);
/* The file `name` of the try's folder is whole: sync it and give it its place. */
bool pieces_keep(const char *name, failure *f);
bool pieces_have(const char *name);
/* From now on pieces_begin says whole. */
bool pieces_end(failure *f);
