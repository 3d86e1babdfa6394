/* One request to the model on its way through the server. See api.h. */
#pragma once
#include "server/api_error.h"
#include "server/server.h"

http_take api_chat_take, api_edit_take;

/* 200 with this JSON, or 503 where there was no memory for it. Takes out. */
void api_json_reply(text_buf *out, http_reply *reply);
