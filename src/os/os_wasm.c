/* os.h on wasm32: one shared linear memory, threads lent by the JavaScript host.
 * Owns the free list of the memory above __heap_base and the table of thread slots.
 * Does NOT open files (NF_UNSUPPORTED) and does NOT create threads: the host starts workers,
 * each parks here, and os_thread_start hands a parked one its work. So nothing in C waits for
 * an event loop, and a page that is not cross-origin isolated simply parks none.
 *
 * ---- what the host must give (imports) ----
 *   env.memory       shared WebAssembly.Memory (initial >= the module's, maximum <= 65536)
 *   env.nf_clock_ms  () -> f64: performance.timeOrigin + performance.now(), the same time line
 *                    in every worker
 *   env.gpu_*        of a module that can use a GPU: sdk/src/gpu/none.ts, or gpu.ts in one instance
 * ---- what the host finds (exports, besides those of nearfield_wasm.c) ----
 *   os_thread_prepare(): i32            reserve a slot with a stack; -1: no memory or no slot
 *   os_thread_stack_top(slot: i32): i32
 *   os_thread_tls(slot: i32): i32
 *   os_thread_park(slot: i32)           from now on os_thread_start may choose this worker
 *   os_thread_entry(slot: i32)          serve; never returns, ends with worker.terminate()
 *   os_threads_parked(): i32            workers ready for work (os_cpu_count() is 1 + this)
 *   __stack_pointer, __tls_base         mutable globals of each instance; __tls_size
 *   __wasm_init_tls(address: i32)
 * ---- how a worker joins (before the engine is opened) ----
 *   engine worker   slot = e.os_thread_prepare(); send {module, memory, slot,
 *                   top: e.os_thread_stack_top(slot), tls: e.os_thread_tls(slot)} to the worker
 *   new worker      i = await WebAssembly.instantiate(module, {env: {memory, nf_clock_ms}})
 *                   i.exports.__stack_pointer.value = top     (first: nothing runs before this)
 *                   i.exports.__wasm_init_tls(tls)
 *                   i.exports.os_thread_park(slot); postMessage("parked")
 *                   i.exports.os_thread_entry(slot)           (blocks in memory.atomic.wait)
 *   engine worker   after all "parked" messages: open the engine; its pool takes them.
 * The engine must itself live in a worker: the page's main thread may not wait. */
#include "base/text_out.h"
#include "os/os.h"

#define IMPORT(name) __attribute__((import_module("env"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

IMPORT(nf_clock_ms) f64 nf_clock_ms(void);
EXPORT(os_thread_prepare) i32 os_thread_prepare(void);
EXPORT(os_thread_stack_top) i32 os_thread_stack_top(i32 slot);
EXPORT(os_thread_tls) i32 os_thread_tls(i32 slot);
EXPORT(os_thread_park) void os_thread_park(i32 slot);
EXPORT(os_thread_entry) void os_thread_entry(i32 slot);
EXPORT(os_threads_parked) i32 os_threads_parked(void);

/* ---- memory: address-ordered free list of blocks, first fit, neighbours joined ---- */
constexpr isize BLOCK_ALIGN = 64, WASM_PAGE = 65536;

typedef struct free_block {
  struct free_block *next;
  isize bytes;
} free_block;

extern u8 __heap_base;
static free_block *free_first;
static u8 *heap_end;        /* memory up to here is ours, free or handed out */
static u8 *touched_end;     /* above it nothing was ever handed out: still zero */
static _Atomic u32 heap_lock;

static void lock(_Atomic u32 *word) {
  while (atomic_exchange_explicit(word, 1, memory_order_acquire) != 0) {
  }
}
static void unlock(_Atomic u32 *word) { atomic_store_explicit(word, 0, memory_order_release); }

static void heap_add(u8 *at, isize bytes) {
  free_block **link = &free_first, *before = nullptr;
  while (*link != nullptr && (u8 *)*link < at) {
    before = *link;
    link = &before->next;
  }
  free_block *block = (free_block *)at;
  *block = (free_block){*link, bytes};
  *link = block;
  if (block->next != nullptr && at + bytes == (u8 *)block->next) {
    block->bytes += block->next->bytes;
    block->next = block->next->next;
  }
  if (before != nullptr && (u8 *)before + before->bytes == at) {
    before->bytes += block->bytes;
    before->next = block->next;
  }
}

static u8 *heap_take(isize bytes) {
  for (free_block **link = &free_first; *link != nullptr; link = &(*link)->next) {
    free_block *block = *link;
    if (block->bytes < bytes) continue;
    if (block->bytes == bytes) {
      *link = block->next;
    } else {
      free_block *rest = (free_block *)((u8 *)block + bytes);
      *rest = (free_block){block->next, block->bytes - bytes};
      *link = rest;
      if ((u8 *)(rest + 1) > touched_end) touched_end = (u8 *)(rest + 1);
    }
    return (u8 *)block;
  }
  return nullptr;
}

/* Take what the module was given at first, then grow in pages. */
static bool heap_grow(isize bytes) {
  if (heap_end == nullptr) {
    u8 *from = (u8 *)round_up((isize)(uintptr_t)&__heap_base, BLOCK_ALIGN);
    u8 *to = (u8 *)((uintptr_t)__builtin_wasm_memory_size(0) * (uintptr_t)WASM_PAGE);
    heap_end = touched_end = from;
    if (to - from >= BLOCK_ALIGN) {
      heap_end = to;
      touched_end = from + sizeof(free_block);
      heap_add(from, to - from);
      if (to - from >= bytes) return true;
    }
  }
  isize pages = (bytes + WASM_PAGE - 1) / WASM_PAGE;
  size_t old = __builtin_wasm_memory_grow(0, (size_t)pages);
  if (old == (size_t)-1) return false;
  u8 *at = (u8 *)(uintptr_t)(old * (size_t)WASM_PAGE);
  heap_end = at + pages * WASM_PAGE;
  if (at + sizeof(free_block) > touched_end) touched_end = at + sizeof(free_block);
  heap_add(at, pages * WASM_PAGE);
  return true;
}

void *os_memory_get(isize bytes) {
  if (bytes <= 0 || bytes > ISIZE_MAX - WASM_PAGE) return nullptr;
  bytes = round_up(bytes, BLOCK_ALIGN);
  lock(&heap_lock);
  u8 *touched = touched_end; /* before heap_take marks the rest behind the block */
  u8 *at = heap_take(bytes);
  if (at == nullptr && heap_grow(bytes)) {
    touched = touched_end;
    at = heap_take(bytes);
  }
  isize dirty = 0;
  if (at != nullptr) {
    dirty = isize_min(bytes, touched - at);
    if (at + bytes > touched_end) touched_end = at + bytes;
  }
  unlock(&heap_lock);
  if (dirty > 0) bytes_zero(at, dirty);
  return at;
}

void os_memory_release(void *at, isize bytes) {
  if (at == nullptr) return;
  lock(&heap_lock);
  heap_add(at, round_up(bytes, BLOCK_ALIGN));
  unlock(&heap_lock);
}

/* ---- files: the host's ---- */
static nf_status no_files(nf_error *error) {
  return error_set(error, NF_UNSUPPORTED, E_STR("files belong to the host in WebAssembly"));
}
nf_status os_file_map(const char *path, os_map *map, nf_error *error) {
  (void)path, (void)map;
  return no_files(error);
}
void os_file_unmap(os_map *map) { (void)map; }
nf_status os_file_read(const char *path, isize bytes_max, os_map *block, nf_error *error) {
  (void)path, (void)bytes_max, (void)block;
  return no_files(error);
}
nf_status os_file_replace(const char *path, nf_bytes content, nf_error *error) {
  (void)path, (void)content;
  return no_files(error);
}
nf_status os_file_open(const char *path, os_file *file, nf_error *error) {
  (void)path, (void)file;
  return no_files(error);
}
nf_status os_file_read_at(const os_file *file, u64 at, u8 *to, isize n, nf_error *error) {
  (void)file, (void)at, (void)to, (void)n;
  return no_files(error);
}
void os_file_close(os_file *file) { (void)file; }
nf_status os_replacement_begin(const char *path, os_replacement *r, nf_error *error) {
  (void)path, (void)r;
  return no_files(error);
}
nf_status os_replacement_write(os_replacement *r, nf_bytes content, nf_error *error) {
  (void)r, (void)content;
  return no_files(error);
}
nf_status os_replacement_commit(os_replacement *r, nf_error *error) {
  (void)r;
  return no_files(error);
}
void os_replacement_drop(os_replacement *r) { (void)r; }

/* ---- threads ---- */
constexpr isize SLOTS_MAX = 32;
constexpr isize STACK_BYTES = 128 << 10; /* as the first thread's, src/CMakeLists.txt */

typedef enum : u32 { SLOT_FREE, SLOT_PREPARED, SLOT_PARKED, SLOT_BUSY } slot_state;
typedef struct {
  _Atomic u32 state;
  u8 *stack, *tls;
  void (*body)(void *arg);
  void *arg;
} thread_slot;
static thread_slot slots[SLOTS_MAX];

i32 os_thread_prepare(void) {
  for (i32 i = 0; i < SLOTS_MAX; i++) {
    if (atomic_load(&slots[i].state) != SLOT_FREE) continue;
    isize tls_bytes = isize_max((isize)__builtin_wasm_tls_size(), 1);
    slots[i].stack = os_memory_get(STACK_BYTES);
    slots[i].tls = os_memory_get(tls_bytes);
    if (slots[i].stack == nullptr || slots[i].tls == nullptr) {
      os_memory_release(slots[i].stack, STACK_BYTES);
      os_memory_release(slots[i].tls, tls_bytes);
      return -1;
    }
    atomic_store(&slots[i].state, SLOT_PREPARED);
    return i;
  }
  return -1;
}

i32 os_thread_stack_top(i32 slot) {
  ASSERT(slot >= 0 && slot < SLOTS_MAX);
  return (i32)(uintptr_t)(slots[slot].stack + STACK_BYTES);
}
i32 os_thread_tls(i32 slot) {
  ASSERT(slot >= 0 && slot < SLOTS_MAX);
  return (i32)(uintptr_t)slots[slot].tls;
}
void os_thread_park(i32 slot) {
  ASSERT(slot >= 0 && slot < SLOTS_MAX && slots[slot].state == SLOT_PREPARED);
  atomic_store(&slots[slot].state, SLOT_PARKED);
}
i32 os_threads_parked(void) {
  i32 n = 0;
  for (i32 i = 0; i < SLOTS_MAX; i++) n += atomic_load(&slots[i].state) == SLOT_PARKED;
  return n;
}
void os_thread_entry(i32 slot) {
  ASSERT(slot >= 0 && slot < SLOTS_MAX);
  thread_slot *s = &slots[slot];
  for (;;) {
    while (atomic_load(&s->state) != SLOT_BUSY) os_wait(&s->state, SLOT_PARKED, -1);
    s->body(s->arg);
    atomic_store(&s->state, SLOT_PARKED);
    os_wake(&s->state, ISIZE_MAX); /* os_thread_join */
  }
}

isize os_cpu_count(void) { return 1 + os_threads_parked(); }

/* One caller at a time (the engine's thread). */
nf_status os_thread_start(os_thread *thread, void (*body)(void *arg), void *arg) {
  for (i32 i = 0; i < SLOTS_MAX; i++) {
    thread_slot *s = &slots[i];
    if (atomic_load(&s->state) != SLOT_PARKED) continue;
    s->body = body;
    s->arg = arg;
    atomic_store(&s->state, SLOT_BUSY);
    os_wake(&s->state, ISIZE_MAX);
    thread->id = (u64)i;
    return NF_OK;
  }
  return NF_NO_MEMORY;
}

void os_thread_join(os_thread thread) {
  thread_slot *s = &slots[thread.id];
  while (atomic_load(&s->state) == SLOT_BUSY) os_wait(&s->state, SLOT_BUSY, -1);
}

void os_wait(_Atomic u32 *word, u32 expected, i64 timeout_ns) {
  (void)__builtin_wasm_memory_atomic_wait32((int *)word, (int)expected, timeout_ns);
}
void os_wake(_Atomic u32 *word, isize n_threads) {
  (void)__builtin_wasm_memory_atomic_notify((int *)word, (u32)isize_min(n_threads, INT32_MAX));
}
/* There is no pause instruction, and a loop around nothing is dropped, by clang or by the browser's
 * compiler. Atomic adds to the thread's own stack stay: some 25 ns, as one pause on x86, and no
 * other core is asked. */
void os_spin_pause(void) {
  volatile _Atomic u32 own = 0;
#pragma clang loop unroll(full)
  for (i32 i = 0; i < 12; i++) atomic_fetch_add_explicit(&own, 1, memory_order_relaxed);
}

/* ---- clock ---- */
i64 os_clock_ns(void) { return (i64)(nf_clock_ms() * 1e6); }

/* ---- what the compiler may call without a libc ---- */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
/* with -mbulk-memory these builtins are one instruction, not calls of themselves */
void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  return __builtin_memcpy(to, from, n);
}
void *memmove(void *to, const void *from, size_t n) { return __builtin_memmove(to, from, n); }
void *memset(void *to, int value, size_t n) { return __builtin_memset(to, value, n); }
int memcmp(const void *a, const void *b, size_t n) {
  const u8 *p = a, *q = b;
  for (size_t i = 0; i < n; i++) {
    if (p[i] != q[i]) return p[i] < q[i] ? -1 : 1;
  }
  return 0;
}
size_t strlen(const char *s) {
  size_t n = 0;
  while (s[n] != 0) n++;
  return n;
}

/* 128-bit product, which __builtin_mul_overflow on 64 bits calls (compiler-rt is not linked);
 * by halves of 32 bits, Knuth, TAOCP 2, 4.3.1, algorithm M. */
__int128 __multi3(__int128 a, __int128 b);
__int128 __multi3(__int128 a, __int128 b) {
  u64 a_low = (u64)a, b_low = (u64)b;
  u64 a0 = (u32)a_low, a1 = a_low >> 32, b0 = (u32)b_low, b1 = b_low >> 32;
  u64 p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0;
  u64 middle = (p00 >> 32) + (u32)p01 + (u32)p10;
  u64 low = middle << 32 | (u32)p00;
  u64 high = a1 * b1 + (p01 >> 32) + (p10 >> 32) + (middle >> 32);
  high += (u64)(a >> 64) * b_low + a_low * (u64)(b >> 64);
  return (__int128)((unsigned __int128)high << 64 | low);
}
