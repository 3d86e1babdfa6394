/* See adapter_source.h. Each tensor's name is taken apart and filed under its matrix; what no name
 * fits is refused, since leaving it out would be another adapter. */
#include "model/adapter_source.h"

#include "base/ascii.h"
#include "base/json.h"
#include "base/text_out.h"
#include "gguf/safetensors.h"

typedef struct {
  adapter_source *out;
  nf_error *error;
} reader;

static adapter_half *half_at(const adapter_source *s, isize i_layer, isize i, isize i_half) {
  return &s->halves[(i_layer * ADAPTER_PAIRS + i) * 2 + i_half];
}

static nf_status refuse(const reader *r, nf_status status, nf_bytes name, const char *problem) {
  return error_set(r->error, status, E_STR("adapter tensor "), E_FOREIGN(name), E_STR(problem));
}

/* ---- names ---- */

static bool prefix_take(nf_bytes *name, const char *prefix) {
  nf_bytes wanted = bytes_from_str(prefix);
  if (!bytes_start_with(*name, wanted)) return false;
  *name = bytes_slice(*name, wanted.len, name->len);
  return true;
}

static bool any_take(nf_bytes *name, const char *const *prefixes, isize n) {
  for (isize i = 0; i < n; i++) {
    if (prefix_take(name, prefixes[i])) return true;
  }
  return false;
}

/* "12." -> 12, at most 5 digits */
static bool layer_take(nf_bytes *name, isize *i_layer) {
  isize n = 0, digits = 0;
  while (digits < name->len && digits < 5 && ascii_is_digit(name->at[digits])) {
    n = n * 10 + (name->at[digits++] - '0');
  }
  *name = bytes_slice(*name, digits, name->len);
  *i_layer = n;
  return digits > 0 && prefix_take(name, ".");
}

/* The matrix and half a name means; hf: in Hugging Face's words. */
static bool name_read(nf_bytes name, bool hf, isize *i_layer, isize *i_pair, isize *i_half) {
  static const char *const layers[] = {"base_model.model.model.layers.", "model.layers.",
                                       "layers."};
  static const char *const halves[2][3] = {{".lora_A.weight", ".lora_A.default.weight", ".a"},
                                           {".lora_B.weight", ".lora_B.default.weight", ".b"}};
  static const char *const own[2] = {".weight.lora_a", ".weight.lora_b"};
  if (!(hf ? any_take(&name, layers, 3) : prefix_take(&name, "blk."))) return false;
  if (!layer_take(&name, i_layer)) return false;
  for (*i_pair = 0; *i_pair < ADAPTER_PAIRS; (*i_pair)++) {
    nf_bytes rest = name;
    if (!prefix_take(&rest, hf ? adapter_parts[*i_pair].hf : adapter_parts[*i_pair].gguf)) continue;
    for (*i_half = 0; *i_half < 2; (*i_half)++) {
      nf_bytes tail = rest;
      if (any_take(&tail, hf ? halves[*i_half] : &own[*i_half], hf ? 3 : 1) && tail.len == 0) {
        return true;
      }
    }
  }
  return false;
}

/* File one matrix under its name. Its two numbers are checked when all are there. */
static nf_status half_file(const reader *r, nf_bytes name, adapter_half half) {
  isize i_layer, i_pair, i_half;
  adapter_source *s = r->out;
  if (!name_read(name, s->hf_rows, &i_layer, &i_pair, &i_half) || i_layer >= s->shape->n_layers) {
    return refuse(r, NF_UNSUPPORTED, name,
                  " is no LoRA half of the base model's attention or feed-forward matrices");
  }
  adapter_half *at = half_at(s, i_layer, i_pair, i_half);
  if (at->at) return refuse(r, NF_BAD_INPUT, name, " stands twice");
  isize fixed = i_half == 0 ? half.cols : half.rows, rank = i_half == 0 ? half.rows : half.cols;
  adapter_pair_of which = (adapter_pair_of)i_pair;
  isize wanted = i_half == 0 ? adapter_d_in(s->shape, which) : adapter_d_out(s->shape, which);
  if (fixed != wanted) {
    return error_set(r->error, NF_BAD_INPUT, E_STR("adapter tensor "), E_FOREIGN(name),
                     E_STR(": made for another base model; its width is "), E_INT(fixed),
                     E_STR(", "), E_INT(wanted), E_STR(" expected"));
  }
  if (rank < 1 || rank > ADAPTER_RANK_MAX) {
    return error_set(r->error, NF_UNSUPPORTED, E_STR("adapter tensor "), E_FOREIGN(name),
                     E_STR(" has rank "), E_INT(rank), E_STR("; this build runs 1 to "),
                     E_INT(ADAPTER_RANK_MAX));
  }
  *at = half;
  return NF_OK;
}

/* Both halves of one rank or none; at least one pair. rank: of all pairs, 0: they differ. */
static nf_status pairs_check(const reader *r, isize *rank) {
  const adapter_source *s = r->out;
  isize n = 0;
  for (isize i = 0; i < s->shape->n_layers * ADAPTER_PAIRS; i++) {
    const adapter_half *a = &s->halves[2 * i], *b = &s->halves[2 * i + 1];
    if (!a->at && !b->at) continue;
    if (!a->at || !b->at || a->rows != b->cols) {
      return error_set(
          r->error, NF_BAD_INPUT, E_STR("adapter, layer "), E_INT(i / ADAPTER_PAIRS), E_STR(", "),
          E_STR(adapter_parts[i % ADAPTER_PAIRS].hf),
          E_STR(!a->at || !b->at ? ": one half is missing" : ": its halves have different ranks"));
    }
    *rank = n == 0 || *rank == a->rows ? a->rows : 0;
    n++;
  }
  if (n > 0) return NF_OK;
  return error_set(r->error, NF_BAD_INPUT, E_STR("adapter has no tensors"));
}

/* ---- alpha ---- */

static nf_status alpha_set(const reader *r, f64 alpha) {
  if (!(alpha > 0 && alpha <= 65536)) {
    return error_set(r->error, NF_BAD_INPUT,
                     E_STR("the adapter's alpha is no number above 0 and up to 65536"));
  }
  r->out->alpha = (f32)alpha;
  return NF_OK;
}

static bool member_true(json_value object, const char *key) {
  json_value v;
  return json_member(object, key, &v) && v.kind == JSON_BOOL && v.text.at[0] == 't';
}

static nf_status config_read(const reader *r, nf_bytes config) {
  json_value object, v;
  isize at = 0;
  f64 alpha = 0;
  if (json_read(config, &object, &at) || object.kind != JSON_OBJECT) {
    return error_set(r->error, NF_BAD_INPUT, E_STR("adapter_config.json: no JSON object, byte "),
                     E_INT(at));
  }
  static const char *const not_plain[] = {"use_dora", "use_rslora", "fan_in_fan_out"};
  for (isize i = 0; i < 3; i++) {
    if (!member_true(object, not_plain[i])) continue;
    return error_set(r->error, NF_UNSUPPORTED, E_STR("adapter_config.json: "), E_STR(not_plain[i]),
                     E_STR(" is true; only plain LoRA is converted"));
  }
  if (json_member(object, "alpha_pattern", &v) && v.kind == JSON_OBJECT) {
    nf_bytes rest = v.text, key;
    if (json_member_next(&rest, &key, &v)) {
      return error_set(r->error, NF_UNSUPPORTED,
                       E_STR("adapter_config.json: alpha_pattern; one alpha for all expected"));
    }
  }
  if (!json_member(object, "lora_alpha", &v) || !json_f64(v, &alpha)) {
    return error_set(r->error, NF_BAD_INPUT, E_STR("adapter_config.json: no number lora_alpha"));
  }
  return alpha_set(r, alpha);
}

static nf_status metadata_read(const reader *r, json_value metadata, isize rank) {
  json_value v;
  f64 number = 0;
  if ((json_member(metadata, "lora_alpha", &v) || json_member(metadata, "alpha", &v)) &&
      json_leading_f64(v.text, &number)) {
    return alpha_set(r, number);
  }
  if (json_member(metadata, "scale", &v) && json_leading_f64(v.text, &number)) {
    if (rank > 0) return alpha_set(r, number * (f64)rank);
    return error_set(r->error, NF_UNSUPPORTED,
                     E_STR("the adapter says one scale for matrices of different ranks"));
  }
  return error_set(
      r->error, NF_BAD_INPUT,
      E_STR("the adapter's alpha is not known: adapter_config.json or an alpha expected"));
}

/* ---- files ---- */

static nf_status safetensors_take(reader *r, nf_bytes file, nf_bytes config, f32 alpha, arena *a) {
  safetensors_file dir;
  nf_status status = safetensors_open(file, a, &dir, r->error);
  r->out->hf_rows = true;
  for (isize i = 0; !status && i < dir.n_tensors; i++) {
    const safetensors_tensor *t = &dir.tensors[i];
    if (t->n_dims != 2) status = refuse(r, NF_UNSUPPORTED, t->name, " is no matrix");
    if (!status)
      status = half_file(r, t->name, (adapter_half){t->type, t->dims[0], t->dims[1], t->data.at});
  }
  isize rank = 0;
  if (!status) status = pairs_check(r, &rank);
  if (status) return status;
  if (alpha > 0) return alpha_set(r, (f64)alpha);
  return config.len > 0 ? config_read(r, config) : metadata_read(r, dir.metadata, rank);
}

static nf_status gguf_keys_take(const reader *r, const gguf_file *dir, f32 alpha) {
  adapter_source *s = r->out;
  if (gguf_string(dir, "general.name", &s->name) && s->name.len > 255) s->name.len = 0;
  if (!gguf_string(dir, ADAPTER_KEY_TASK, &s->task)) s->task.len = 0;
  if (!gguf_string(dir, ADAPTER_KEY_SYSTEM, &s->system)) s->system.len = 0;
  s->has_gate = gguf_float(dir, ADAPTER_KEY_GATE, &s->gate);
  if (!gguf_floats(dir, ADAPTER_KEY_GATES, s->gates, ADAPTER_GATES_MAX, &s->n_gates)) {
    s->n_gates = 0;
  }
  if (alpha > 0) return alpha_set(r, (f64)alpha);
  bool given = gguf_float(dir, "adapter.lora.alpha", &s->alpha);
  return given && s->alpha == 0 ? NF_OK : alpha_set(r, given ? (f64)s->alpha : 0);
}

static nf_status gguf_take(reader *r, nf_bytes file, f32 alpha, arena *a) {
  gguf_file dir;
  nf_status status = gguf_open(file, (u64)file.len, a, &dir, r->error);
  if (status == NF_NEED_BYTES) status = NF_BAD_INPUT; /* the line says that bytes are missing */
  for (isize i = 0; !status && i < dir.n_tensors; i++) {
    const gguf_tensor *t = &dir.tensors[i];
    if (t->type != GGUF_F32 && t->type != GGUF_F16 && t->type != GGUF_BF16 &&
        t->type != GGUF_Q8_0) {
      status = refuse(r, NF_UNSUPPORTED, t->name, ": F32, F16, BF16 or Q8_0 expected");
    } else if (t->dims[2] != 1 || t->dims[3] != 1) {
      status = refuse(r, NF_UNSUPPORTED, t->name, " is no matrix");
    } else {
      status = half_file(r, t->name,
                         (adapter_half){t->type, t->dims[1], t->dims[0], file.at + t->offset});
    }
  }
  isize rank = 0;
  if (!status) status = pairs_check(r, &rank);
  return status ? status : gguf_keys_take(r, &dir, alpha);
}

static bool gguf_looks(nf_bytes file) { return bytes_start_with(file, bytes_from_str("GGUF")); }

isize adapter_source_bytes(nf_bytes file, const model_shape *shape) {
  isize table = shape->n_layers * ADAPTER_PAIRS * 2 * (isize)sizeof(adapter_half) + 64,
        directory = 0;
  if (!gguf_looks(file)) {
    directory = safetensors_bytes(file);
  } else if (gguf_arena_bytes(file, (u64)file.len, &directory, nullptr)) {
    directory = 0; /* damaged: the open says how */
  }
  return bytes_add(table, directory);
}

nf_status adapter_source_open(nf_bytes file, nf_bytes config, f32 alpha, const model_shape *shape,
                              arena *a, adapter_source *out, nf_error *error) {
  arena start = *a;
  isize n = shape->n_layers * ADAPTER_PAIRS * 2;
  adapter_source source = {.shape = shape, .halves = arena_new(a, n, adapter_half)};
  reader r = {.out = &source, .error = error};
  nf_status status;
  if (!source.halves) {
    status = error_set(error, NF_NO_MEMORY, E_STR("no room for the adapter's directory"));
  } else if (gguf_looks(file)) {
    status = gguf_take(&r, file, alpha, a);
  } else if (safetensors_looks(file)) {
    status = safetensors_take(&r, file, config, alpha, a);
  } else {
    status = error_set(error, NF_BAD_INPUT,
                       E_STR("neither a safetensors nor a GGUF file, or cut in its head"));
  }
  if (status) {
    *a = start;
    return status;
  }
  *out = source;
  return NF_OK;
}
