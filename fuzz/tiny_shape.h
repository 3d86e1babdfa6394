/* The shape of tests/gguf/tiny_llama.h's model as it comes: the base of the fuzzed adapters. */
#pragma once
#include "model/model.h"

static const model_shape shape = {.n_layers = 2,
                                  .d_model = 64,
                                  .d_ff = 128,
                                  .n_heads = 4,
                                  .n_kv_heads = 2,
                                  .d_head = 16,
                                  .d_rope = 16,
                                  .n_vocab = 272,
                                  .ctx_tokens_train = 256};
