/* What an edit may not do, checked on plain text (tags and line breaks are lifted out before):
 * lose or invent a number, lose a protected term, run away in length, add a line, answer
 * instead of editing. Owns no text; knows no model. */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "edit/tasks.h"

/* null: the edit may stand. Otherwise why not, a static phrase for a person. An edit that
 * cannot be checked for want of memory is refused too ("too long to check"). */
const char *guard_refuses(const edit_task *task, nf_bytes before, nf_bytes after,
                          const nf_bytes *protect, isize n_protect, arena *scratch);
