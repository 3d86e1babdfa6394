/* Jobs through a store: how many a second are queued, claimed and done, by one thread or by several
 * with a connection each, as so many servers and workers would. Every call is one durable
 * transaction.
 *   store_bench URL [JOBS] [THREADS]     URL: a file for SQLite, or postgresql://...; it is filled
 * One JSON object. Owns the loops only. */
#include <pthread.h>
#include <time.h>

#include "server/store/store.h"

enum { THREADS_MAX = 16 };
static const char *const KINDS[] = {"transcribe", nullptr};

typedef struct {
  const char *url;
  int n, n_done;
  int n_again; /* calls that found the store locked for 5 s, and were made again */
  store *s;
  job_id *ids; /* n */
  i64 *fences;
  store_status status; /* the first that was not STORE_OK */
} lane;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *lane_open(void *to) {
  lane *l = to;
  nf_error error = {0};
  l->status = store_open(&(store_desc){.url = l->url, .queue_max = 1000000}, &l->s, &error);
  if (l->status != STORE_OK) fprintf(stderr, "store_bench: %s\n", error.line);
  return nullptr;
}
static bool again(lane *l) {
  bool locked = l->status == STORE_DOWN;
  l->n_again += locked;
  return locked;
}
static void *lane_enqueue(void *to) {
  lane *l = to;
  static const char input[] =
      "{\"kind\":\"transcribe\",\"input\":{\"upload\":\""
      "0123456789abcdef0123456789abcdef\"},\"language\":\"en\"}";
  for (int i = 0; i < l->n && l->status == STORE_OK; i++) {
    store_job job;
    bool existed;
    store_request r = {.kind = KINDS[0], .input = text(input)};
    job_id_make(&r.id);
    do {
      l->status = store_enqueue(l->s, &r, &job, &existed);
    } while (again(l));
    if (l->status == STORE_OK) store_job_drop(&job);
  }
  return nullptr;
}
static void *lane_claim(void *to) {
  lane *l = to;
  store_job job;
  while (true) {
    l->status = store_claim(l->s, KINDS, "bench", &job);
    if (again(l)) continue;
    if (l->status != STORE_OK) break;
    l->ids[l->n_done] = job.id;
    l->fences[l->n_done++] = job.fence;
    store_job_drop(&job);
  }
  if (l->status == STORE_NONE) l->status = STORE_OK;
  return nullptr;
}
static void *lane_complete(void *to) {
  lane *l = to;
  for (int i = 0; i < l->n_done && l->status == STORE_OK; i++) {
    do {
      l->status = store_complete(l->s, &l->ids[i], l->fences[i], text("{\"files\":[]}"));
    } while (again(l));
  }
  return nullptr;
}

/* Seconds until all lanes are through. */
static double lanes_run(lane *lanes, int n, void *work(void *)) {
  pthread_t threads[THREADS_MAX];
  double begun = now_s();
  for (int i = 0; i < n; i++) pthread_create(&threads[i], nullptr, work, &lanes[i]);
  for (int i = 0; i < n; i++) pthread_join(threads[i], nullptr);
  return now_s() - begun;
}

int main(int n_args, char **at) {
  int n = n_args > 2 ? atoi(at[2]) : 1000, n_threads = n_args > 3 ? atoi(at[3]) : 1;
  if (n_args < 2 || n < 1 || n_threads < 1 || n_threads > THREADS_MAX) {
    return fprintf(stderr, "store_bench URL [JOBS] [THREADS up to 16]\n"), 2;
  }
  static lane lanes[THREADS_MAX];
  int total = n / n_threads * n_threads, n_done = 0, n_again = 0;
  for (int i = 0; i < n_threads; i++) {
    lanes[i] = (lane){.url = at[1], .n = n / n_threads};
    lanes[i].ids = calloc((size_t)total, sizeof(job_id)); /* one lane may claim all of them */
    lanes[i].fences = calloc((size_t)total, sizeof(i64));
    if (lanes[i].ids == nullptr || lanes[i].fences == nullptr) return 3;
    lane_open(&lanes[i]);
  }
  double seconds[3] = {lanes_run(lanes, n_threads, lane_enqueue)};
  seconds[1] = lanes_run(lanes, n_threads, lane_claim);
  seconds[2] = lanes_run(lanes, n_threads, lane_complete);
  for (int i = 0; i < n_threads; i++) {
    n_done += lanes[i].n_done;
    n_again += lanes[i].n_again;
    if (lanes[i].status != STORE_OK) {
      return fprintf(stderr, "store_bench: status %d\n", (int)lanes[i].status), 3;
    }
    store_close(lanes[i].s);
    free(lanes[i].ids);
    free(lanes[i].fences);
  }
  if (n_done != total) return fprintf(stderr, "store_bench: %d claimed\n", n_done), 3;
  printf(
      "{\"jobs\":%d,\"threads\":%d,\"enqueue_s\":%.0f,\"claim_s\":%.0f,\"complete_s\":%.0f,"
      "\"locked\":%d}\n",
      total, n_threads, total / seconds[0], total / seconds[1], total / seconds[2], n_again);
  return 0;
}
