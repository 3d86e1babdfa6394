/* One render: the video on descriptor 3 and the captions on descriptor 4 -> captioned.mp4, .mkv or
 * .webm here, the captions burned into the picture or as a track of their own. Started by the
 * server as FOLDER/run job.json in a folder of its own; FOLDER holds this program as `run` and
 * fonts/, made by './dev render'. Owns the order of the steps; uses no network and no file names of
 * others. Read next: render.h. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workers/render/captions.h"
#include "workers/render/letters.h"
#include "workers/render/render.h"

/* libass looks for fonts in fonts/: a name without signs that mean something in a filter. */
static bool fonts_find(const char *program, failure *f) {
  char fonts[PATH_MAX];
  const char *slash = strrchr(program, '/');
  snprintf(fonts, sizeof fonts, "%.*s/fonts", slash != nullptr ? (int)(slash - program) : 1,
           slash != nullptr ? program : ".");
  (void)symlink(fonts, "fonts");
  if (access("fonts/" CAPTIONS_FONT_FILE, R_OK) == 0) return true;
  return fails(f, false, "the font is missing: './dev render' puts it into the renderer's folder");
}

static bool run(const char *program, const char *job, failure *f) {
  request r;
  media m;
  nf_caption *doc = nullptr;
  render_plan plan = {0};
  if (!request_read(job, &r, f)) return false;
  if (!r.soft && !fonts_find(program, f)) return false;
  if (!captions_read(&doc, f)) return false;
  bool ok = media_read(&m, f) &&
            captions_write(doc, &r, &m, &plan.captions, plan.captions_sha256, f) &&
            (r.soft || (render_can_draw(f) && letters_have_fonts(doc, f)));
  nf_caption_close(doc);
  return ok && render(&r, &m, &plan, f);
}

int main(int n_args, char **args) {
  failure f = {0};
  if (n_args != 2) {
    fputs("usage: run job.json, as the server does (server/jobs/job_run.c)\n", stderr);
    return 2;
  }
  if (!run(args[0], args[1], &f)) say_failure(&f);
  return 0;
}
