/* Where an edit of /v1/edit runs: facts of this server's engine and of the upstream for edits, and
 * nf_route's plan. To the router the engine is the device, and the upstream the server. Owns what
 * was learned of both: how long a pass and an answer take (nf_latency), the engine's breaker (the
 * upstream's is its own), counts. The rule itself is src/policy's, in words docs/router.md; what a
 * try teaches is the same as in a page (sdk/src/router/measures.ts). Does not ask anybody. */
#pragma once
#include "server/budget.h"
#include "server/edit_receipt.h"
#include "server/edit_request.h"
#include "server/inference.h"
#include "server/models.h"
#include "server/upstream/upstreams.h"

/* How much work an edit is: as expected before it, or as counted after. */
typedef struct {
  double read_tokens, output_tokens, passes;
} edit_work;

/* All zeros: nothing is known. Times of any clock in ms that does not go back. */
typedef struct {
  char model[sizeof((config_upstream_model){0}.model)]; /* edit_upstream: `answer` is its */
  nf_latency pass, late, share; /* ms a unit of work; actual over expected; passes a token */
  nf_latency answer;            /* ms until the upstream's answer, whole when it comes */
  i64 measured_ms[3];           /* by nf_place */
  nf_breaker native;
  double prompt_tokens; /* instruction, examples, template; 0: a guess is used */
  i64 n_plans[3][NF_ROUTE_WHYS], n_tries[3][N_TRY_OUTCOMES];
} edit_router;

/* What holds at the moment of a request. */
typedef struct {
  const edit_request *request;
  bool tuned; /* the engine has an adapter for it */
  nf_route_mode mode;
  const config *config;
  const models_entry *model;        /* of this server; .name null: none */
  inference *inference;
  const upstream *to;               /* null: there is none, or it may not be asked */
  const config_upstream_model *far; /* with `to` */
  const budget *budget;             /* null: none */
  i64 now_ms;
} edit_facts;

nf_route_plan edit_router_plan(edit_router *r, const edit_facts *facts, edit_work *expected);

/* A try of ms has ended; counted, and learned from. expected: of the plan; guess_ms: what the plan
 * thought, 0: nothing. */
typedef struct {
  edit_attempt attempt;
  edit_work expected;
  double guess_ms;
  const nf_receipt *done; /* of the engine's answer; null: it gave none, or it is an upstream's */
  double own_ms;          /* of attempt.ms, without waiting for a turn; 0: its turn never came */
  const char *model;      /* that was asked elsewhere; only the router's own teaches. null: it */
} edit_ended;
void edit_router_learn(edit_router *r, const edit_ended *ended, i64 now_ms);

void edit_router_metrics(const edit_router *r, text_buf *out);
