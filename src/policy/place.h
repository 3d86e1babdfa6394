/* The facts of one place, judged: can it take the edit, how long would it take, what would that
 * cost. Owns the meaning of every fact that is missing or out of range. Does not choose: route.c.
 */
#pragma once
#include "base/base.h"

typedef struct {
  nf_route_why why; /* what keeps it out; NF_WHY_NONE: nothing */
  bool waits; /* the device: it still loads, and the times count that */
  bool on_trial; /* its breaker is half open, or what spoke against it is old */
  bool unknown; /* nothing was ever measured */
  f64 typical_ms, late_ms; /* 0 < typical <= late, finite */
} place;

place place_device(const nf_route_facts *facts);
place place_server(const nf_route_facts *facts);
/* Of the edit at the server, in millionths; 0 or more, finite. */
f64 place_server_cost(const nf_route_facts *facts);
/* x in 0..max; what is not known (NaN, negative) is 0. */
f64 place_fact(f64 x, f64 max);
