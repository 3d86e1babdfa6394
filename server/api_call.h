/* One request to the model on its way through the server. See api.h. */
#pragma once
#include "server/api_error.h"
#include "server/server.h"

http_take api_chat_take, api_edit_take;
