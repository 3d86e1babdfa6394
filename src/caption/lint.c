/* See lint.h. */
#include "caption/lint.h"

#include "caption/plain.h"

nf_status lint_profile_find(nf_bytes name, nf_lint_profile *profile) {
  if (!bytes_equal(name, bytes_from_str("netflix"))) return NF_BAD_INPUT;
  *profile = (nf_lint_profile){.cps_max_x100 = 2000,
                               .line_chars_max = 42,
                               .lines_max = 2,
                               .duration_ms_min = 833,
                               .duration_ms_max = 7000,
                               .gap_ms_min = 83};
  return NF_OK;
}

const char *lint_rule_name(nf_lint_rule rule) {
  switch (rule) {
    case NF_LINT_CPS: return "cps";
    case NF_LINT_LINE_LENGTH: return "line-length";
    case NF_LINT_LINE_COUNT: return "line-count";
    case NF_LINT_DURATION_SHORT: return "duration-short";
    case NF_LINT_DURATION_LONG: return "duration-long";
    case NF_LINT_GAP: return "gap";
    case NF_LINT_OVERLAP: return "overlap";
  }
  return "";
}

typedef struct {
  nf_lint_finding *at;
  i32 cap, n;
  i32 cue;
} finding_list;

static i32 i32_clamped(i64 v) {
  return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (i32)v;
}

static void finding_add(finding_list *list, nf_lint_rule rule, i64 value, i32 limit) {
  if (list->n < list->cap) {
    list->at[list->n] = (nf_lint_finding){list->cue, rule, i32_clamped(value), limit};
  }
  if (list->n < INT32_MAX) list->n++;
}

static void text_check(finding_list *list, nf_text_measure m, i64 duration_ms,
                       const nf_lint_profile *p) {
  /* chars / seconds > limit, without rounding; the value shown is rounded up for that reason */
  i64 scaled = (i64)m.chars * 100 * 1000, allowed;
  bool endless = __builtin_mul_overflow((i64)p->cps_max_x100, duration_ms, &allowed);
  if (p->cps_max_x100 > 0 && duration_ms > 0 && !endless && scaled > allowed) {
    finding_add(list, NF_LINT_CPS, (scaled + duration_ms - 1) / duration_ms, p->cps_max_x100);
  }
  if (p->line_chars_max > 0 && m.line_chars_max > p->line_chars_max) {
    finding_add(list, NF_LINT_LINE_LENGTH, m.line_chars_max, p->line_chars_max);
  }
  if (p->lines_max > 0 && m.lines > p->lines_max) {
    finding_add(list, NF_LINT_LINE_COUNT, m.lines, p->lines_max);
  }
}

static void next_check(finding_list *list, const caption_cue *cue, const caption_cue *next,
                       const nf_lint_profile *p) {
  i64 gap = next->start_ms - cue->end_ms;
  if (gap < 0) {
    i64 from = next->start_ms > cue->start_ms ? next->start_ms : cue->start_ms;
    i64 to = next->end_ms < cue->end_ms ? next->end_ms : cue->end_ms;
    if (to > from) finding_add(list, NF_LINT_OVERLAP, to - from, 0);
  } else if (gap < p->gap_ms_min) {
    finding_add(list, NF_LINT_GAP, gap, p->gap_ms_min);
  }
}

i32 lint_run(const caption_doc *doc, const nf_lint_profile *profile, nf_lint_finding *findings,
             i32 cap) {
  finding_list list = {.at = findings, .cap = cap};
  for (i32 i = 0; i < doc->n_order; i++) {
    const caption_cue *cue = caption_at(doc, i);
    i64 duration_ms = cue->end_ms - cue->start_ms;
    list.cue = i;
    text_check(&list, plain_measure(caption_span_bytes(doc, cue->text), doc->format), duration_ms,
               profile);
    if (profile->duration_ms_min > 0 && duration_ms < profile->duration_ms_min) {
      finding_add(&list, NF_LINT_DURATION_SHORT, duration_ms, profile->duration_ms_min);
    }
    if (profile->duration_ms_max > 0 && duration_ms > profile->duration_ms_max) {
      finding_add(&list, NF_LINT_DURATION_LONG, duration_ms, profile->duration_ms_max);
    }
    if (i + 1 < doc->n_order) next_check(&list, cue, caption_at(doc, i + 1), profile);
  }
  return list.n;
}
