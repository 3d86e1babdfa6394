/* Which model a command uses, which adapter belongs to it, and opening both. */
#pragma once
#include "nearfield.h"

/* `path`, or $NEARFIELD_MODEL, or what ./dev model keeps in the user's cache folder. Returns an
 * exit code; on failure one line was printed. threads 0: as many as help. */
int model_open_for_command(const char *path, int threads, nf_engine **engine);
/* The adapter that lies beside the model such a `model` names, STEM.adapters/TASK.gguf for
 * STEM.gguf, into path[cap]; false: there is none. Prints nothing. */
bool adapter_find(const char *model, nf_task task, char *path, size_t cap);
/* The adapter at `path` for that engine; null: none, and *adapter null. Prints on failure; returns
 * an exit code. */
int adapter_open_for_command(const char *path, const nf_engine *engine, nf_adapter **adapter);
