/* What kernels_trial.c and kernels_trial_rows.c share: numbers by hash and the trial's buffers. */
#pragma once
#include "gpu/kernels_internal.h"

u32 trial_hash(u32 seed, u32 i);
f32 trial_number(u32 seed, u32 i); /* in [-1, 1) */
i32 trial_buffer(gpu_trial *t, i64 bytes, gpu_use use); /* freed with the trial; at most 8 */
gpu_binding trial_numbers(gpu_trial *t, u32 seed,
                          isize n); /* a buffer of trial_number(seed, 0..) */
i32 trial_passes(gpu_trial *t, const gpu_pass *passes, isize n);

/* See gpu_trial_start and gpu_trial_judge. */
void trial_attention_start(gpu_kernels *k, gpu_trial *t);
/* The trial's buffers and its bind: slot 0 three rows, slot 1 one, behind 258 positions. */
gpu_binding trial_attention_bind(gpu_kernels *k, gpu_trial *t);
u32 trial_attention_judge(const gpu_kernels *k, const f32 *out);
void trial_move_start(gpu_kernels *k, gpu_trial *t);
u32 trial_move_judge(const gpu_kernels *k, const f32 *kv);
void trial_pick_start(gpu_kernels *k, gpu_trial *t);
u32 trial_pick_judge(const gpu_kernels *k, const gpu_result *results);
