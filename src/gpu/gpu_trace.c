/* The device of gpu_trace.h. Commands are kept as gpu.h says they take effect: writes at once,
 * dispatches and copies at gpu_submit, a read-back with the submit that asked for it. */
#include "gpu/gpu_trace.h"
#include "base/text_out.h"
#include "os/os.h"

enum : i32 { BUFFERS_MAX = 1024, PIPELINES_MAX = 256, BINDS_MAX = 1024, COMMANDS_MAX = 4096 };
enum : i32 { NAME_MAX = 64, CONSTANTS_MAX = 24 };

typedef struct {
  u8 *at; /* null: this handle is free */
  i64 bytes;
  gpu_use use;
} trace_buffer;
typedef struct {
  bool live, ready; /* ready: gpu_pipeline_poll said NF_OK */
  isize polls;
  char name[NAME_MAX], entry[NAME_MAX], letters[GPU_BINDINGS_MAX + 1];
  char constant_names[CONSTANTS_MAX][NAME_MAX];
  gpu_constant constants[CONSTANTS_MAX]; /* of constant_names */
  isize n_constants;
} trace_pipeline;
typedef struct {
  bool live;
  char letters[GPU_BINDINGS_MAX + 1];
  isize n;
  gpu_binding bindings[GPU_BINDINGS_MAX];
} trace_bind;
typedef struct {
  i32 pipeline; /* 0: a copy */
  i32 x, y, z, from, to;
  u32 offset;
  i64 from_at, to_at, bytes;
  trace_bind bind; /* as it was: its handle may be freed meanwhile */
} trace_command;
typedef struct {
  bool live;
  isize polls, bytes;
  u8 *read; /* a block of its own */
} trace_ticket;

static struct {
  gpu_trace_script script;
  gpu_trace_counts counts;
  isize buffers_made, n_commands;
  bool lost, no_memory;
  trace_buffer buffers[BUFFERS_MAX];
  trace_pipeline pipelines[PIPELINES_MAX];
  trace_bind binds[BINDS_MAX];
  trace_command commands[COMMANDS_MAX];
  trace_ticket tickets[GPU_TICKETS_MAX + 1]; /* [0] is never used, as in the others */
} d;

static void call(void) {
  d.counts.calls++;
  if (d.counts.calls == d.script.lost_at_call) d.lost = true;
}
static bool failed(void) { return d.lost || d.no_memory; }
static trace_buffer *buffer_of(i32 handle) {
  ASSERT(handle > 0 && handle < BUFFERS_MAX && d.buffers[handle].at != nullptr);
  return &d.buffers[handle];
}
static trace_pipeline *pipeline_of(i32 handle) {
  ASSERT(handle > 0 && handle < PIPELINES_MAX && d.pipelines[handle].live);
  return &d.pipelines[handle];
}
static trace_bind *bind_of(i32 handle) {
  ASSERT(handle > 0 && handle < BINDS_MAX && d.binds[handle].live);
  return &d.binds[handle];
}
static bool overlap(i64 a_at, i64 a_bytes, i64 b_at, i64 b_bytes) {
  return a_at < b_at + b_bytes && b_at < a_at + a_bytes;
}
static void range_check(const trace_buffer *b, i64 at, i64 bytes) {
  ASSERT(at >= 0 && at % 4 == 0 && bytes > 0 && bytes % 4 == 0 && at <= b->bytes - bytes);
}

void gpu_trace_begin(const gpu_trace_script *script) {
  for (i32 i = 0; i < BUFFERS_MAX; i++) {
    if (d.buffers[i].at != nullptr) os_memory_release(d.buffers[i].at, d.buffers[i].bytes);
  }
  for (i32 i = 0; i <= GPU_TICKETS_MAX; i++) {
    if (d.tickets[i].read != nullptr) os_memory_release(d.tickets[i].read, d.tickets[i].bytes);
  }
  bytes_zero(&d, (isize)sizeof d);
  d.script = *script;
  if (!script->facts.present) {
    d.script.facts = (gpu_facts){.present = 1,
                                 .workgroup_bytes_max = 16384,
                                 .invocations_max = 256,
                                 .storage_buffers_max = 8,
                                 .buffer_bytes_max = 1 << 28,
                                 .binding_bytes_max = 1 << 27,
                                 .vendor = "trace"};
  }
}
gpu_trace_counts gpu_trace_counts_get(void) { return d.counts; }
nf_bytes gpu_trace_buffer(i32 buffer) {
  const trace_buffer *b = buffer_of(buffer);
  return bytes_of(b->at, (isize)b->bytes);
}

void gpu_facts_get(gpu_facts *facts) { *facts = d.script.facts; }

/* ---- buffers ---- */
i32 gpu_buffer_make(i64 bytes, gpu_use use) {
  call();
  ASSERT(bytes > 0 && bytes % 4 == 0);
  i32 handle = 1;
  while (handle < BUFFERS_MAX && d.buffers[handle].at != nullptr) handle++;
  ASSERT(handle < BUFFERS_MAX);
  d.buffers_made++;
  bool refused = d.buffers_made == d.script.no_memory_at_buffer;
  if (refused || bytes > d.script.facts.buffer_bytes_max) d.no_memory = true;
  u8 *at = os_memory_get((isize)bytes);
  ASSERT(at != nullptr);
  d.buffers[handle] = (trace_buffer){at, bytes, use};
  d.counts.buffers++;
  d.counts.buffer_bytes += bytes;
  return handle;
}
void gpu_buffer_free(i32 buffer) {
  call();
  if (buffer == 0) return;
  trace_buffer *b = buffer_of(buffer);
  for (isize i = 0; i < d.n_commands; i++) { /* of what is recorded, nothing may need it */
    const trace_command *c = &d.commands[i];
    if (c->pipeline == 0) ASSERT(c->from != buffer && c->to != buffer);
    for (isize j = 0; c->pipeline != 0 && j < c->bind.n; j++) {
      ASSERT(c->bind.bindings[j].buffer != buffer);
    }
  }
  d.counts.buffers--;
  d.counts.buffer_bytes -= b->bytes;
  os_memory_release(b->at, (isize)b->bytes);
  *b = (trace_buffer){};
}

/* Does a recorded command read or write this range? */
static bool is_recorded(i32 buffer, i64 at, i64 bytes) {
  for (isize i = 0; i < d.n_commands; i++) {
    const trace_command *c = &d.commands[i];
    if (c->pipeline == 0) {
      if (c->from == buffer && overlap(c->from_at, c->bytes, at, bytes)) return true;
      if (c->to == buffer && overlap(c->to_at, c->bytes, at, bytes)) return true;
      continue;
    }
    const trace_bind *bind = &c->bind;
    for (isize k = 0; k < bind->n; k++) {
      const gpu_binding *b = &bind->bindings[k];
      i64 from = b->at + (bind->letters[k] == 'u' ? c->offset : 0);
      if (b->buffer == buffer && overlap(from, b->bytes, at, bytes)) return true;
    }
  }
  return false;
}
void gpu_buffer_write(i32 buffer, i64 at, const void *from, isize bytes) {
  call();
  const trace_buffer *b = buffer_of(buffer);
  range_check(b, at, bytes);
  ASSERT(!is_recorded(buffer, at, bytes));
  if (failed()) return;
  bytes_copy(b->at + at, from, bytes);
  d.counts.writes++;
  d.counts.bytes_written += bytes;
}

/* ---- pipelines and binds ---- */
static bool str_equal(const char *a, const char *b) {
  return bytes_equal(bytes_from_str(a), bytes_from_str(b));
}
/* Descriptors are borrowed during a call only: what stays is copied. */
static void str_copy(char *to, isize cap, const char *from) {
  nf_bytes text = bytes_from_str(from);
  ASSERT(text.len < cap);
  bytes_copy(to, text.at, text.len);
  to[text.len] = 0;
}
i32 gpu_pipeline_make(const gpu_pipeline_desc *desc) {
  call();
  ASSERT(desc->name != nullptr && desc->n_parts > 0);
  isize n_dynamic = 0, n_storage = 0, n = 0;
  for (; desc->bindings[n] != 0; n++) {
    char letter = desc->bindings[n];
    ASSERT(letter == 'u' || letter == 'c' || letter == 'r' || letter == 'w');
    n_dynamic += letter == 'u';
    n_storage += letter == 'r' || letter == 'w';
  }
  ASSERT(n_dynamic <= 1 && n <= GPU_BINDINGS_MAX);
  ASSERT(n_storage <= d.script.facts.storage_buffers_max);
  i32 handle = 1;
  while (handle < PIPELINES_MAX && d.pipelines[handle].live) handle++;
  ASSERT(handle < PIPELINES_MAX);
  trace_pipeline *p = &d.pipelines[handle];
  *p = (trace_pipeline){.live = true, .n_constants = desc->n_constants};
  str_copy(p->name, NAME_MAX, desc->name);
  str_copy(p->entry, NAME_MAX, desc->entry != nullptr ? desc->entry : "main");
  str_copy(p->letters, GPU_BINDINGS_MAX + 1, desc->bindings);
  ASSERT(desc->n_constants <= CONSTANTS_MAX);
  for (isize i = 0; i < desc->n_constants; i++) {
    str_copy(p->constant_names[i], NAME_MAX, desc->constants[i].name);
    p->constants[i] = (gpu_constant){p->constant_names[i], desc->constants[i].value};
  }
  d.counts.pipelines++;
  return handle;
}
void gpu_pipeline_free(i32 pipeline) {
  call();
  if (pipeline == 0) return;
  for (isize i = 0; i < d.n_commands; i++) ASSERT(d.commands[i].pipeline != pipeline);
  pipeline_of(pipeline)->live = false;
  d.counts.pipelines--;
}
static nf_status failure_error(nf_error *error) {
  if (d.lost) return error_set(error, NF_LOST, E_STR("the GPU device was lost: by script"));
  return error_set(error, NF_NO_MEMORY, E_STR("the GPU has no room for a buffer: by script"));
}
nf_status gpu_pipeline_poll(i32 pipeline, nf_error *error) {
  call();
  trace_pipeline *p = pipeline_of(pipeline);
  if (failed()) return failure_error(error);
  if (p->polls++ < d.script.polls_pending) return NF_PENDING;
  const char *bad = d.script.bad_pipeline;
  if (bad != nullptr && str_equal(bad, p->name)) {
    return error_set(error, NF_UNSUPPORTED, E_STR(p->name), E_STR(": by script"));
  }
  p->ready = true;
  return NF_OK;
}
i32 gpu_bind_make(i32 pipeline, const gpu_binding *bindings, isize n) {
  call();
  const char *letters = pipeline_of(pipeline)->letters;
  ASSERT(n == bytes_from_str(letters).len);
  i32 handle = 1;
  while (handle < BINDS_MAX && d.binds[handle].live) handle++;
  ASSERT(handle < BINDS_MAX);
  trace_bind *bind = &d.binds[handle];
  *bind = (trace_bind){.live = true, .n = n};
  str_copy(bind->letters, GPU_BINDINGS_MAX + 1, letters);
  for (isize i = 0; i < n; i++) {
    const gpu_binding *b = &bindings[i];
    const trace_buffer *buffer = buffer_of(b->buffer);
    bool uniform = letters[i] == 'u' || letters[i] == 'c';
    range_check(buffer, b->at, b->bytes);
    ASSERT(b->at % GPU_ALIGN == 0 && buffer->use == (uniform ? GPU_UNIFORM : GPU_STORAGE));
    ASSERT(b->bytes <= (uniform ? GPU_UNIFORM_MAX : d.script.facts.binding_bytes_max));
    for (isize k = 0; k < i; k++) {
      const gpu_binding *other = &bindings[k];
      bool writes = letters[i] == 'w' || letters[k] == 'w';
      if (!writes || other->buffer != b->buffer) continue;
      ASSERT(!overlap(other->at, other->bytes, b->at, b->bytes));
    }
    bind->bindings[i] = *b;
  }
  d.counts.binds++;
  return handle;
}
void gpu_bind_free(i32 bind) {
  call();
  if (bind == 0) return;
  bind_of(bind)->live = false;
  d.counts.binds--;
}

/* ---- recording and running ---- */
static void command_add(trace_command command) {
  if (failed()) return;
  ASSERT(d.n_commands < COMMANDS_MAX);
  d.commands[d.n_commands++] = command;
}
void gpu_dispatch(i32 pipeline, i32 bind, u32 dynamic_offset, i32 x, i32 y, i32 z) {
  call();
  const trace_pipeline *p = pipeline_of(pipeline);
  const trace_bind *b = bind_of(bind);
  ASSERT(p->ready || d.lost);
  ASSERT(str_equal(p->letters, b->letters));
  ASSERT(x >= 1 && x <= GPU_GROUPS_MAX && y >= 1 && y <= GPU_GROUPS_MAX);
  ASSERT(z >= 1 && z <= GPU_GROUPS_MAX && dynamic_offset % GPU_ALIGN == 0);
  bool dynamic = false;
  for (isize i = 0; i < b->n; i++) {
    const gpu_binding *at = &b->bindings[i];
    const trace_buffer *buffer = buffer_of(at->buffer);
    i64 offset = b->letters[i] == 'u' ? dynamic_offset : 0;
    dynamic = dynamic || b->letters[i] == 'u';
    range_check(buffer, at->at + offset, at->bytes);
  }
  ASSERT(dynamic || dynamic_offset == 0);
  command_add((trace_command){
      .pipeline = pipeline, .bind = *b, .x = x, .y = y, .z = z, .offset = dynamic_offset});
}
void gpu_copy(i32 from, i64 from_at, i32 to, i64 to_at, i64 bytes) {
  call();
  range_check(buffer_of(from), from_at, bytes);
  range_check(buffer_of(to), to_at, bytes);
  ASSERT(from != to);
  command_add(
      (trace_command){.from = from, .to = to, .from_at = from_at, .to_at = to_at, .bytes = bytes});
}

static void dispatch_run(const trace_command *c) {
  const trace_pipeline *p = pipeline_of(c->pipeline);
  const trace_bind *bind = &c->bind;
  gpu_trace_dispatch out = {.pipeline = p->name,
                            .entry = p->entry,
                            .constants = p->constants,
                            .n_constants = p->n_constants,
                            .x = c->x,
                            .y = c->y,
                            .z = c->z,
                            .n = bind->n};
  for (isize i = 0; i < bind->n; i++) {
    const gpu_binding *b = &bind->bindings[i];
    i64 offset = bind->letters[i] == 'u' ? c->offset : 0;
    out.at[i] = buffer_of(b->buffer)->at + b->at + offset;
    out.bytes[i] = b->bytes;
  }
  if (d.script.run != nullptr) d.script.run(d.script.context, &out);
}
static void commands_run(void) {
  d.counts.dispatches_last = 0;
  for (isize i = 0; i < d.n_commands; i++) {
    const trace_command *c = &d.commands[i];
    if (c->pipeline != 0) {
      dispatch_run(c);
      d.counts.dispatches_last++;
      continue;
    }
    bytes_copy(buffer_of(c->to)->at + c->to_at, buffer_of(c->from)->at + c->from_at,
               (isize)c->bytes);
    d.counts.copies++;
  }
  d.counts.dispatches += d.counts.dispatches_last;
}
i32 gpu_submit(i32 buffer, i64 at, isize bytes) {
  call();
  if (bytes != 0) range_check(buffer_of(buffer), at, bytes);
  i32 handle = 1;
  while (handle <= GPU_TICKETS_MAX && d.tickets[handle].live) handle++;
  ASSERT(handle <= GPU_TICKETS_MAX); /* someone polls no more */
  trace_ticket *ticket = &d.tickets[handle];
  *ticket = (trace_ticket){.live = true, .bytes = bytes};
  if (!failed()) {
    commands_run();
    d.counts.submits++;
  }
  d.n_commands = 0;
  if (bytes == 0) return handle;
  ticket->read = os_memory_get(bytes);
  ASSERT(ticket->read != nullptr);
  if (!failed()) bytes_copy(ticket->read, buffer_of(buffer)->at + at, bytes);
  return handle;
}

static void ticket_end(trace_ticket *ticket) {
  if (ticket->read != nullptr) os_memory_release(ticket->read, ticket->bytes);
  *ticket = (trace_ticket){};
}
nf_status gpu_poll(i32 ticket, void *to, nf_error *error) {
  call();
  ASSERT(ticket > 0 && ticket <= GPU_TICKETS_MAX && d.tickets[ticket].live);
  trace_ticket *t = &d.tickets[ticket];
  if (!d.lost && t->polls++ < d.script.polls_pending) return NF_PENDING;
  if (failed()) {
    ticket_end(t);
    return failure_error(error);
  }
  if (t->bytes != 0 && to != nullptr) {
    bytes_copy(to, t->read, t->bytes);
    d.counts.read_backs++;
    d.counts.bytes_read_back += t->bytes;
  }
  ticket_end(t);
  return NF_OK;
}
