/* See upstream_cost.h. */
#include "server/upstream/upstream_cost.h"

#include <stdckdint.h>

i64 upstream_cost(const config_upstream_model *model, i64 input_tokens, i64 output_tokens) {
  i64 million = 1000000, input, output, parts;
  bool over = ckd_mul(&input, input_tokens, model->input_micro);
  over |= ckd_mul(&output, output_tokens, model->output_micro);
  over |= ckd_add(&parts, input, output);
  return over ? INT64_MAX : parts / million + (parts % million > 0);
}
