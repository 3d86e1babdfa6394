/* What a try begins with: its inputs open, its folder with job.json, its process. See
 * job_run_inside.h. Does not own: the sandbox (job_sandbox.h), what the process says (job_run.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "server/jobs/job_folder.h"
#include "server/jobs/job_run_inside.h"
#include "server/jobs/job_sandbox.h"
#include "server/platform.h"
#include "yyjson.h"

/* {"upload"} or {"path"}, open; -1 and the reason. Never a path that leaves the allowed root.
 * again: it may be there and cannot be opened now. */
static int input_open(const job_run *r, yyjson_val *input, bool *again, char *why, size_t cap) {
  const char *upload = yyjson_get_str(yyjson_obj_get(input, "upload"));
  const char *path = yyjson_get_str(yyjson_obj_get(input, "path"));
  int file = -1;
  errno = ENOENT; /* nothing to open */
  if (upload != nullptr) {
    char whole[JOB_PATH_BYTES];
    jobs_path(r->jobs, "uploads", upload, whole);
    file = open(whole, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  } else if (path != nullptr && r->jobs->media_root >= 0) {
    file = platform_open_beneath(r->jobs->media_root, path);
  }
  if (file < 0) {
    *again = platform_fault(errno);
    snprintf(why, cap, "the input %s%s",
             *again ? "cannot be opened now: " : "is not there any more",
             *again ? strerror(errno) : "");
  }
  return file;
}

bool job_try_inputs_open(const job_run *r, int inputs[2], bool *again, char *why, size_t cap) {
  yyjson_doc *doc = yyjson_read(r->job.input, strlen(r->job.input), 0);
  *again = doc == nullptr; /* it was JSON when it was stored */
  if (doc == nullptr) return snprintf(why, cap, "no memory"), false;
  yyjson_val *request = yyjson_doc_get_root(doc);
  const job_option *second = job_kind_upload(r->kind);
  inputs[0] = input_open(r, yyjson_obj_get(request, "input"), again, why, cap);
  bool ok = inputs[0] >= 0;
  if (ok && second != nullptr) {
    inputs[1] = input_open(r, yyjson_obj_get(request, second->name), again, why, cap);
    ok = inputs[1] >= 0;
  }
  yyjson_doc_free(doc);
  return ok;
}

static bool job_file_write(const job_run *r) {
  text_buf out = {0};
  char path[JOB_PATH_BYTES + 16];
  text_buf_str(&out, "{\"id\":\"");
  text_buf_str(&out, r->job.id.hex);
  text_buf_str(&out, "\",\"kind\":\"");
  text_buf_str(&out, r->kind->name);
  text_buf_str(&out, "\",\"try\":");
  text_buf_number(&out, r->job.n_tries);
  text_buf_str(&out, ",\"request\":");
  text_buf_str(&out, r->job.input);
  text_buf_str(&out, ",\"told\":");
  text_buf_str(&out, r->told);
  text_buf_str(&out, "}\n");
  snprintf(path, sizeof path, "%s/job.json", r->work);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file >= 0) errno = ENOSPC; /* a short write says nothing */
  bool ok = file >= 0 && !out.failed && write(file, out.at, (size_t)out.len) == out.len;
  if (file >= 0) close(file);
  free(out.at);
  return ok;
}

bool job_try_folder_make(job_run *r) {
  char name[80], parent[JOB_PATH_BYTES];
  jobs_path(r->jobs, "work", r->job.id.hex, parent);
  if (!job_folder_make(parent)) return false;
  snprintf(name, sizeof name, "%s/%lld", r->job.id.hex, (long long)r->job.fence);
  jobs_path(r->jobs, "work", name, r->work);
  return job_folder_make(r->work) && job_file_write(r) &&
         (!r->kind->keeps || job_kept_take(parent, r->job.fence));
}

void job_try_inputs_close(const int inputs[2]) {
  for (int i = 0; i < 2; i++) {
    if (inputs[i] >= 0) close(inputs[i]);
  }
}

int job_try_spawn(job_run *r, const int inputs[2], uv_exit_cb exited) {
  const config *c = r->jobs->desc.config;
  char *folder = realpath(job_kind_folder(r->kind, c), nullptr);
  if (folder == nullptr) return -errno;
  char home[JOB_PATH_BYTES + 16];
  snprintf(home, sizeof home, "HOME=%s", r->work);
  char *env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", home, nullptr};
  static job_sandbox_args args;
  job_sandbox_args_make(&(job_sandbox_desc){.sandbox = r->jobs->sandbox,
                                            .folder = folder,
                                            .work = r->work,
                                            .cpu_s = (i64)c->job_wall_s * 4,
                                            .memory_mb = c->job_memory_mb,
                                            .file_mb = c->upload_mb_max},
                        &args);
  /* libuv's flags are an enum of bits */
  uv_stdio_flags pipe = UV_CREATE_PIPE;
  pipe |= UV_WRITABLE_PIPE; // NOLINT(clang-analyzer-optin.core.EnumCastOutOfRange)
  uv_stdio_container_t stdio[] = {{.flags = UV_IGNORE},
                                  {.flags = pipe, .data.stream = (uv_stream_t *)&r->out},
                                  {.flags = pipe, .data.stream = (uv_stream_t *)&r->err},
                                  {.flags = UV_INHERIT_FD, .data.fd = inputs[0]},
                                  {.flags = UV_INHERIT_FD, .data.fd = inputs[1]}};
  uv_process_options_t options = {.file = args.at[0],
                                  .args = args.at,
                                  .env = env,
                                  .cwd = r->work,
                                  .flags = UV_PROCESS_DETACHED, /* a process group of its own */
                                  .stdio = stdio,
                                  .stdio_count = inputs[1] >= 0 ? 5 : 4,
                                  .exit_cb = exited};
  int bad = uv_spawn(r->jobs->desc.loop, &r->process, &options);
  free(folder);
  return bad;
}
