/* A model whose weights, caches and passes live on the GPU. Opening it, piece by piece of its
 * file: gguf/stream.h gives the pieces, whole rows of them are staged, repacked on the device and
 * forgotten here, so that host memory never holds the model.
 *
 *   model_gpu_open -> model_gpu_take, piece after piece -> model_gpu_finish until NF_OK
 *   -> passes through model.h -> model_gpu_close
 *
 * Owns GPU buffers, binds and pipelines; host memory is the caller's arena. Does NOT choose
 * between GPU and CPU, and does not start over: after NF_LOST or NF_NO_MEMORY it is closed.
 * Read next: model.h, gpu/kernels.h, weights_gpu.c, cache_gpu.c, forward_gpu.c. */
#pragma once
#include "gguf/stream.h"
#include "model/model.h"

/* Arena bytes model_gpu_open takes. */
isize model_gpu_bytes(const model_shape *shape);
/* Starts to compile the kernels and makes the weights' buffers; passes of caches up to ctx_tokens.
 * file: the directory, borrowed until model_gpu_finish said NF_OK.
 * errors NF_UNSUPPORTED there is no GPU, or it cannot hold one row of a tensor or run a kernel;
 *        NF_BAD_INPUT as model_shape_read; NF_NO_MEMORY the arena has less left */
[[nodiscard]] nf_status model_gpu_open(const gguf_file *file, isize ctx_tokens, arena *a,
                                       model **out, nf_error *error);
/* Take bytes from the front of *piece (in the order gguf_stream_next gives them) until it is
 * empty. NF_PENDING: the device has no room yet, call again with what is left of it.
 * errors NF_LOST, NF_NO_MEMORY the device's; NF_BAD_INPUT a rope factor below 1 */
[[nodiscard]] nf_status model_gpu_take(model *m_, gguf_piece *piece, nf_error *error);
/* After the last piece. NF_PENDING while the device works, pipelines compile and are tested.
 * errors NF_LOST, NF_NO_MEMORY; NF_UNSUPPORTED a kernel does not compile or computes wrongly */
[[nodiscard]] nf_status model_gpu_finish(model *m_, nf_error *error);
/* After model_gpu_finish: names of the kernels that were replaced by plain ones, "" none. */
const char *model_gpu_replaced(const model *m_);
/* "webgpu", or with the ways that were chosen: nf_engine_info.kernels. */
const char *model_gpu_kernels(const model *m_);

/* Bring an opened adapter to the GPU of the model; passes on it need that. The arena holds the
 * adapter's binds as long as it lives: model_gpu_adapter_bytes of it (0 for a model of the CPU,
 * where opening does nothing). Only starts the work: a failure is the next pass's.
 * errors NF_NO_MEMORY the arena has less left; NF_UNSUPPORTED it does not fit the device */
isize model_gpu_adapter_bytes(const model *m_);
[[nodiscard]] nf_status model_gpu_adapter_open(const model *m_, model_adapter *adapter, arena *a,
                                               nf_error *error);
void model_gpu_adapter_close(model_adapter *adapter); /* before the model */

/* Gives back what lies on the GPU, whatever came of it. null, and a model of the CPU, are fine.
 * Its caches are closed before. */
void model_gpu_close(model *m_);
