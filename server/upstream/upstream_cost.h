/* What tokens cost, by the prices of a model: millionths of the currency. Pure. Does not own who
 * pays: budget.h. */
#pragma once
#include "server/config.h"

/* Rounded up; INT64_MAX where it is more than that. No number of tokens is negative. */
i64 upstream_cost(const config_upstream_model *model, i64 input_tokens, i64 output_tokens);
