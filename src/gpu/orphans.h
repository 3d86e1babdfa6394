/* Tickets that nobody waits for any more: a pass that was dropped, a load that was closed half
 * way. gpu.h knows no cancelling, so they are polled until they end. Owns the list of them, one
 * for the process, as the device is. Does NOT keep what they read back. */
#pragma once
#include "gpu/gpu.h"

void gpu_ticket_drop(i32 ticket); /* 0 is fine; it is not polled by anyone else from now on */
/* Ends those that are done, before a submit; how many are left. Who starts work that may be dropped
 * waits while they are many: there are only GPU_TICKETS_MAX of all kinds. */
isize gpu_orphans_poll(void);
