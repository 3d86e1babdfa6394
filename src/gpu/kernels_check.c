/* The known-answer test: every kernel is tried on this device before anything is asked of it, and
 * a fast product that is wrong, or does not compile, gives way to the plain one. Owns the order of
 * the trials and the decisions; what is computed is in kernels_trial.c. */
#include "base/text_out.h"
#include "gpu/kernels_internal.h"
#include "gpu/orphans.h"

static bool of_trial(const gpu_pipeline *p, const gpu_trial *t) {
  return p->kernel == t->kernel && p->op_or_type == t->op_or_type && p->format == t->format &&
         (p->kernel != GPU_ATTENTION || p->variant == t->variant);
}

static void trial_add(gpu_kernels *k, const gpu_pipeline *p) {
  ASSERT(k->n_trials < GPU_TRIALS_MAX);
  k->trials[k->n_trials++] = (gpu_trial){
      .kernel = p->kernel, .op_or_type = p->op_or_type, .format = p->format, .variant = p->variant};
}

void gpu_trials_open(gpu_kernels *k) {
  for (isize i = 0; i < k->n_pipelines; i++) {
    const gpu_pipeline *p = &k->pipelines[i];
    bool first = true; /* of a product's variants, of the pick's two */
    for (isize j = 0; j < k->n_trials; j++) {
      first = first && !of_trial(p, &k->trials[j]);
    }
    if (first) trial_add(k, p);
  }
}

void gpu_trials_close(gpu_kernels *k) {
  gpu_race_close(k);
  for (isize i = 0; i < k->n_trials; i++) {
    gpu_ticket_drop(k->trials[i].ticket);
    gpu_trial_end(&k->trials[i]);
  }
}

static bool is_fast(const gpu_pipeline *p) {
  return (p->kernel == GPU_MATMUL || p->kernel == GPU_ATTENTION) && p->variant != GPU_PLAIN;
}

/* The trial's pipelines: NF_OK when each compiled, or is a fast variant that does not. */
static nf_status trial_compiled(gpu_kernels *k, const gpu_trial *t, nf_error *error) {
  for (isize i = 0; i < k->n_pipelines; i++) {
    gpu_pipeline *p = &k->pipelines[i];
    if (p->ready || p->bad || !of_trial(p, t)) continue;
    nf_status status = gpu_pipeline_poll(p->handle, error);
    if (status == NF_UNSUPPORTED && is_fast(p)) {
      p->bad = true;
    } else if (status) {
      return status;
    } else {
      p->ready = true;
    }
  }
  return NF_OK;
}

/* None of the trial's pipelines is bad. */
static bool compiled(const gpu_kernels *k, const gpu_trial *t) {
  bool all = true;
  for (isize i = 0; i < k->n_pipelines; i++) {
    all = all && !(of_trial(&k->pipelines[i], t) && k->pipelines[i].bad);
  }
  return all;
}

static void replaced_note(gpu_kernels *k, const gpu_pipeline *p) {
  char name[64];
  gpu_pipeline_name(p, name, (isize)sizeof name);
  text_out o = {.at = k->replaced, .cap = (isize)sizeof k->replaced - 1};
  o.len = (isize)__builtin_strlen(k->replaced);
  if (k->n_replaced++ > 0) out_str(&o, " ");
  out_str(&o, name);
  k->replaced[o.len] = 0;
}

static nf_status wrong(const gpu_kernels *k, const gpu_trial *t, nf_error *error) {
  char name[64] = "";
  for (isize i = 0; i < k->n_pipelines; i++) {
    const gpu_pipeline *p = &k->pipelines[i];
    if (of_trial(p, t) && !is_fast(p)) gpu_pipeline_name(p, name, (isize)sizeof name);
  }
  return error_set(error, NF_UNSUPPORTED, E_STR("this GPU computes "), E_STR(name),
                   E_STR(" wrong"));
}

/* What a product's variants came to. NF_PENDING: others are asked for, try again. */
static nf_status product_decide(gpu_kernels *k, gpu_trial *t, u32 right, nf_error *error) {
  i16 *variants = k->matmul[t->op_or_type][t->format];
  gpu_variant *chosen = k->chosen[t->op_or_type][t->format];
  bool all = true, tried = true;
  for (isize i = 0; i < GPU_CLASSES; i++) {
    all = all && (right >> chosen[i] & 1) != 0;
    tried = tried && (t->tried >> chosen[i] & 1) != 0;
  }
  if (all) return NF_OK;
  if (!tried) return NF_PENDING; /* another trial gave the 8-bit dots up meanwhile */
  if (gpu_variant_is_int(chosen[0])) {
    for (isize i = 0; i < GPU_CLASSES; i++) {
      if ((right >> chosen[i] & 1) == 0) replaced_note(k, &k->pipelines[variants[chosen[i]]]);
    }
    if (gpu_op_has_lora((gpu_op)t->op_or_type)) {
      gpu_lora_f32(k, (gpu_op)t->op_or_type, t->format);
    } else {
      gpu_products_f32(k);
    }
    return NF_PENDING;
  }
  if (variants[GPU_PLAIN] < 0) {
    variants[GPU_PLAIN] = gpu_pipeline_add(k, GPU_MATMUL, t->op_or_type, t->format, GPU_PLAIN);
    return NF_PENDING;
  }
  if ((right >> GPU_PLAIN & 1) == 0) return wrong(k, t, error);
  for (isize i = 0; i < GPU_CLASSES; i++) {
    if ((right >> chosen[i] & 1) != 0) continue;
    gpu_pipeline *p = &k->pipelines[variants[chosen[i]]];
    replaced_note(k, p);
    p->bad = p->ready = true;
    chosen[i] = (right >> GPU_CHUNK & 1) != 0 ? GPU_CHUNK : GPU_PLAIN; /* it takes any rows */
  }
  return NF_OK;
}

/* An attention by subgroups that is wrong, or does not compile, is left out. */
static bool quad_drop(gpu_kernels *k, gpu_trial *t) {
  if (t->kernel != GPU_ATTENTION || t->variant == GPU_PLAIN) return false;
  gpu_pipeline *p = &k->pipelines[k->attention_quad];
  replaced_note(k, p);
  p->bad = p->ready = true;
  t->state = TRIAL_DONE;
  return true;
}

static nf_status trial_poll(gpu_kernels *k, gpu_trial *t, nf_error *error) {
  nf_status status = gpu_poll(t->ticket, k->landed, error);
  if (status == NF_PENDING) return status;
  t->ticket = 0;
  if (status) return status;
  u32 right = gpu_trial_judge(k, t, k->landed);
  gpu_trial_end(t);
  t->state = TRIAL_NEW;
  if (t->kernel == GPU_MATMUL) {
    status = product_decide(k, t, right, error);
  } else if (!right && !quad_drop(k, t)) {
    status = wrong(k, t, error);
  }
  if (status == NF_OK) t->state = TRIAL_DONE;
  return status;
}

nf_status gpu_trials_poll(gpu_kernels *k, bool repack, nf_error *error) {
  if (k->failed) {
    if (error) *error = k->failed_line;
    return k->failed;
  }
  isize n_running = 0;
  for (isize i = 0; i < k->n_trials; i++) n_running += k->trials[i].state == TRIAL_RUNNING;
  bool pending = false;
  for (isize i = 0; i < k->n_trials; i++) {
    gpu_trial *t = &k->trials[i];
    if ((t->kernel == GPU_REPACK) != repack || t->state == TRIAL_DONE) continue;
    nf_status status = NF_PENDING;
    if (t->state == TRIAL_RUNNING) {
      status = trial_poll(k, t, &k->failed_line);
      n_running -= t->state != TRIAL_RUNNING;
    }
    if (t->state == TRIAL_NEW && status == NF_PENDING) {
      status = trial_compiled(k, t, &k->failed_line);
      if (status == NF_OK) {
        status = NF_PENDING;
        if (t->kernel == GPU_ATTENTION && !compiled(k, t)) {
          status = quad_drop(k, t) ? NF_OK : NF_PENDING;
        } else if (n_running < GPU_TICKETS_MAX / 2) { /* the caller has tickets too */
          gpu_trial_start(k, t);
          n_running++;
        }
      }
    }
    if (status < 0) {
      if (error) *error = k->failed_line;
      return k->failed = status;
    }
    pending = pending || status == NF_PENDING;
  }
  if (pending || repack) return pending ? NF_PENDING : NF_OK;
  nf_status status = gpu_race_poll(k, &k->failed_line);
  if (status >= 0) return status;
  if (error) *error = k->failed_line;
  return k->failed = status;
}
