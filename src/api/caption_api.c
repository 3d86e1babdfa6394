/* The nf_caption_, nf_lint and nf_measure functions of nearfield.h over caption/.
 * Owns the allocation of a document; every rule lies in caption/. */
#include "base/base.h"
#include "base/text_out.h"
#include "caption/document.h"
#include "caption/lint.h"
#include "caption/plain.h"
#include "caption/write_ass.h"
#include "os/os.h"

struct nf_caption {
  caption_doc doc;
};

nf_status nf_caption_open(nf_bytes file, nf_caption **doc, nf_error *error) {
  error_clear(error);
  nf_caption *fresh = os_memory_get((isize)sizeof *fresh);
  if (fresh == nullptr) {
    return error_set(error, NF_NO_MEMORY, E_STR("no memory for a caption document"));
  }
  nf_status status = caption_read(&fresh->doc, file, error);
  if (status != NF_OK) {
    os_memory_release(fresh, (isize)sizeof *fresh);
    return status;
  }
  *doc = fresh;
  return NF_OK;
}

void nf_caption_close(nf_caption *doc) {
  if (doc == nullptr) return;
  caption_free(&doc->doc);
  os_memory_release(doc, (isize)sizeof *doc);
}

nf_caption_format nf_caption_format_get(const nf_caption *doc) { return doc->doc.format; }

i32 nf_caption_cue_count(const nf_caption *doc) { return doc->doc.n_order; }

void nf_caption_cue_get(const nf_caption *doc, i32 i, nf_cue *cue) {
  const caption_cue *c = caption_at(&doc->doc, i);
  *cue = (nf_cue){.start_ms = c->start_ms,
                  .end_ms = c->end_ms,
                  .text = caption_span_bytes(&doc->doc, c->text),
                  .settings = caption_span_bytes(&doc->doc, c->settings),
                  .label = caption_span_bytes(&doc->doc, c->label),
                  .line = c->line};
}

i32 nf_caption_warning_count(const nf_caption *doc) { return doc->doc.n_warnings; }

void nf_caption_warning_get(const nf_caption *doc, i32 i, nf_caption_warning *warning) {
  ASSERT(i >= 0 && i < doc->doc.n_warnings);
  *warning = ((const nf_caption_warning *)doc->doc.warnings.at)[i];
}

nf_status nf_caption_text_set(nf_caption *doc, i32 i, nf_bytes text, nf_error *error) {
  error_clear(error);
  return caption_text_set(&doc->doc, i, text, error);
}

nf_status nf_caption_times_set(nf_caption *doc, i32 i, i64 start_ms, i64 end_ms, nf_error *error) {
  error_clear(error);
  return caption_times_set(&doc->doc, i, start_ms, end_ms, error);
}

nf_status nf_caption_cue_insert(nf_caption *doc, i32 i, i64 start_ms, i64 end_ms, nf_bytes text,
                                nf_error *error) {
  error_clear(error);
  return caption_cue_insert(&doc->doc, i, start_ms, end_ms, text, error);
}

nf_status nf_caption_cue_remove(nf_caption *doc, i32 i, nf_error *error) {
  error_clear(error);
  return caption_cue_remove(&doc->doc, i, error);
}

nf_status nf_caption_write(nf_caption *doc, nf_caption_format format, nf_bytes *file,
                           nf_error *error) {
  error_clear(error);
  nf_status status = format == doc->doc.format ? caption_write_own(&doc->doc, error)
                                               : caption_write_other(&doc->doc, error);
  if (status == NF_OK) *file = buffer_bytes(&doc->doc.out);
  return status;
}

nf_status nf_caption_ass(nf_caption *doc, const nf_ass_desc *desc, nf_bytes *file,
                         nf_error *error) {
  error_clear(error);
  ASSERT(desc->font != nullptr);
  nf_status status = caption_write_ass(&doc->doc, desc, error);
  if (status == NF_OK) *file = buffer_bytes(&doc->doc.out);
  return status;
}

isize nf_caption_plain(nf_bytes text, nf_caption_format format, u8 *out, isize cap) {
  return plain_text(text, format, out, cap);
}

nf_text_measure nf_measure(nf_bytes text, nf_caption_format format) {
  return plain_measure(text, format);
}

nf_status nf_lint_profile_get(nf_bytes name, nf_lint_profile *profile) {
  return lint_profile_find(name, profile);
}

const char *nf_lint_rule_name(nf_lint_rule rule) { return lint_rule_name(rule); }

i32 nf_lint(const nf_caption *doc, const nf_lint_profile *profile, nf_lint_finding *findings,
            i32 cap) {
  return lint_run(&doc->doc, profile, findings, cap);
}
