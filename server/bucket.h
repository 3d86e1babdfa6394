/* A token bucket for each client: so many requests a minute, and as many at once after a rest.
 * Pure; the caller has the clock. Of more clients than there is room for the one longest quiet is
 * forgotten, which only ever lets a request through. source Turner 1986, "New directions in
 * communications" (the leaky bucket as a meter) */
#pragma once
#include "server/words.h"

enum { BUCKETS = 1024 };
typedef struct {
  struct {
    u64 client;
    i64 full_ms; /* when it will be full again; what is past is full now */
    bool taken;
  } rows[BUCKETS];
} buckets;

/* Take one request of a client that may make a_minute >= 1. 0, or how many seconds to wait (>= 1);
 * then nothing was taken. now_ms: of any clock that does not go back. */
int bucket_take(buckets *b, u64 client, int a_minute, i64 now_ms);
