/* curl's multi interface on the event loop: its sockets are uv_polls, its timer a uv_timer, and
 * whoever added a transfer is told when it has ended. Owns no transfer.
 * source libcurl, curl_multi_socket_action(3) */
#pragma once
#include <curl/curl.h>
#include <uv.h>

#include "server/words.h"

typedef struct curl_loop curl_loop;

typedef struct {
  /* It has ended and was taken out; never from inside of a call to curl. */
  void (*done)(void *owner, CURLcode result);
  void *owner;
} curl_transfer;

curl_loop *curl_loop_new(uv_loop_t *loop); /* null: no memory */
/* t: until done or curl_loop_remove. false: no memory. */
bool curl_loop_add(curl_loop *l, CURL *easy, curl_transfer *t);
/* End it: its connection is closed. Not from one of curl's callbacks. */
void curl_loop_remove(curl_loop *l, CURL *easy);
/* Nothing runs any more: close the idle connections, let go of the loop. curl_loop_free once the
 * loop is closed. */
void curl_loop_stop(curl_loop *l);
void curl_loop_free(curl_loop *l);
