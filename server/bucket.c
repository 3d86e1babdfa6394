/* See bucket.h. A bucket is the moment at which it is full again: each request moves that on by one
 * request's share of a minute, and may not move it beyond a minute from now. */
#include "server/bucket.h"

enum { MINUTE_MS = 60000 };

int bucket_take(buckets *b, u64 client, int a_minute, i64 now_ms) {
  isize at = 0;
  for (isize i = 0; i < BUCKETS; i++) {
    if (b->rows[i].taken && b->rows[i].client == client) {
      at = i;
      break;
    }
    if (!b->rows[i].taken || b->rows[i].full_ms < b->rows[at].full_ms) at = i;
    if (!b->rows[i].taken) break; /* rows are taken in order and never given back */
  }
  if (!b->rows[at].taken || b->rows[at].client != client) {
    b->rows[at].taken = true;
    b->rows[at].client = client;
    b->rows[at].full_ms = now_ms;
  }
  i64 full_ms = b->rows[at].full_ms > now_ms ? b->rows[at].full_ms : now_ms;
  i64 next_ms = full_ms + MINUTE_MS / a_minute;
  if (next_ms - now_ms <= MINUTE_MS) {
    b->rows[at].full_ms = next_ms;
    return 0;
  }
  return (int)((next_ms - now_ms - MINUTE_MS + 999) / 1000);
}
