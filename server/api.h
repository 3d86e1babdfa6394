/* The routes below /v1: who may ask, what is asked for, and the way of an answer from the engine's
 * thread to the client.
 *
 *   GET  /v1/models, /v1/models/ID
 *   POST /v1/chat/completions   OpenAI's shape, stream or not
 *   POST /v1/edit               the SDK's edit, with its receipt
 *
 * Owns each request from its body to the last byte of its answer. Bodies are read by chat_request.c
 * and edit_request.c; passes are inference.c's. */
#pragma once
#include "server/server.h"

void api_route(server *s, const http_request *request, http_reply *reply);
