/* See orphans.h: there are at most GPU_TICKETS_MAX tickets, so the list cannot overflow. */
#include "gpu/orphans.h"

static i32 orphans[GPU_TICKETS_MAX];
static isize n_orphans;

isize gpu_orphans_poll(void) {
  isize n = 0;
  for (isize i = 0; i < n_orphans; i++) {
    if (gpu_poll(orphans[i], nullptr, nullptr) == NF_PENDING) orphans[n++] = orphans[i];
  }
  n_orphans = n;
  return n;
}

void gpu_ticket_drop(i32 ticket) {
  if (ticket == 0) return;
  ASSERT(n_orphans < GPU_TICKETS_MAX);
  orphans[n_orphans++] = ticket;
  gpu_orphans_poll();
}
