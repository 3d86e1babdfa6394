/* Tickets that nobody waits for any more: a pass that was dropped, a load that was closed half
 * way. gpu.h knows no cancelling, so they are polled until they end. Owns the list of them, one
 * for the process, as the device is. Does NOT keep what they read back. */
#pragma once
#include "gpu/gpu.h"

void gpu_ticket_drop(i32 ticket); /* 0 is fine; it is not polled by anyone else from now on */
void gpu_orphans_poll(void);      /* ends those that are done: before a submit */
