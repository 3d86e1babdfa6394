/* kernels_check.c for a device that computes nothing (gpu_trace.h): kernels are ready when they
 * compiled, none is tried. For tests of what stands above the kernels. */
#include "gpu/kernels_internal.h"

void gpu_trials_open([[maybe_unused]] gpu_kernels *k) {}
void gpu_trials_close([[maybe_unused]] gpu_kernels *k) {}

nf_status gpu_trials_poll(gpu_kernels *k, bool repack, nf_error *error) {
  for (isize i = 0; i < k->n_pipelines; i++) {
    gpu_pipeline *p = &k->pipelines[i];
    if ((p->kernel == GPU_REPACK) != repack || p->ready) continue;
    nf_status status = gpu_pipeline_poll(p->handle, error);
    if (status) return status;
    p->ready = true;
  }
  return NF_OK;
}
