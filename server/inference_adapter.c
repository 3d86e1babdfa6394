/* See inference_adapter.h. */
#include "server/inference_adapter.h"

/* As in a page (sdk/src/worker/own_adapters.ts): what may have been the machine's fault. */
static const u64 AGAIN_NS = 60000000000;

bool inference_adapter_is(const inference_adapter *a, const inference_file *file, u64 now_ns) {
  return a->file.path != nullptr && memcmp(a->file.sha256, file->sha256, 32) == 0 &&
         (a->open != nullptr || now_ns < a->again_ns);
}

/* Is it the file that was hashed, and for this task? NF_IO: it may be mended by itself. */
static nf_status check(const nf_adapter_info *info, const inference_file *file, nf_task task,
                       nf_error *error) {
  u8 digest[32] = {0};
  if (!digest_read(info->sha256, digest) || memcmp(digest, file->sha256, 32) != 0) {
    snprintf(error->line, sizeof error->line, "it changed since it was listed (SIGHUP lists anew)");
    return NF_IO;
  }
  if (info->task[0] == 0 || strcmp(info->task, nf_task_name(task)) == 0) return NF_OK;
  snprintf(error->line, sizeof error->line, "the adapter is for the task %s, not %s", info->task,
           nf_task_name(task));
  return NF_BAD_INPUT;
}

void inference_adapter_open(inference_adapter *a, const nf_engine *engine,
                            const inference_file *file, nf_task task, u64 now_ns, nf_error *error) {
  nf_error why = {0};
  nf_adapter_info info = {0};
  nf_status status = nf_adapter_open_file(engine, file->path, &a->open, &why);
  if (status == NF_OK) {
    nf_adapter_info_get(a->open, &info);
    status = check(&info, file, task, &why);
    if (status != NF_OK) inference_adapter_close(a);
  }
  a->file = *file;
  memcpy(a->name, info.name, sizeof a->name);
  if (status == NF_OK) return;
  a->open = nullptr;
  a->again_ns = status == NF_BAD_INPUT || status == NF_UNSUPPORTED ? UINT64_MAX : now_ns + AGAIN_NS;
  snprintf(error->line, sizeof error->line, "%.100s: %.120s; %s is edited untuned", file->path,
           why.line, nf_task_name(task));
}

void inference_adapter_close(inference_adapter *a) {
  nf_adapter_close(a->open);
  *a = (inference_adapter){0};
}
