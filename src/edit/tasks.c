/* See tasks.h. The prompts are few-shot because the model is SmolLM2-135M-Instruct as it comes.
 * fix's gate (tau), with the guard on; the default until the tuned model brings its own. Clean: the
 * first 200 lines of common_voice_en.dev.txt (Mozilla Common Voice, spoken English); mistakes: 101,
 * those of bench/peers/captions.json and every 50th line of harper_pairs.tsv (Automattic/harper):
 *   node bench/edit/gate.mjs common_voice_en.dev.txt bench/peers/captions.json harper_pairs.tsv
 *   gate in nats               none     0     1     2     3     4     6
 *   clean lines changed        16 %  10 % 5.5 %   2 %   1 % 0.5 %   0 %
 *   mistakes mended exactly      14    14    12    10     9     5     3
 *   mistakes left alone          48    52    59    66    69    76    86
 * shorten has none: its measure is that the limit is met, and the guard decides.
 * What rules.h does comes before the model (shorten) or in its place (formal, casual, simple). On
 * the development sets (model/eval, `python model/score`, edits by words; model/RESULTS.md has
 * more): by rules                       by this model alone task      edits right   stay changed
 * SARI   edits right   stay changed   SARI formal        66 %           0 %       .77        6 % 25
 * %       .41 casual        76 %           0 %       .82        7 %           10 %       .43 simple
 * 90 %           0 %       .85       36 %           30 %       .52 rewrite 15 %           10 % .40
 * Doing nothing has SARI .2. */
#include "edit/tasks.h"

static const edit_task tasks[EDIT_TASKS] = {
    [NF_TASK_FIX] =
        {.name = "fix",
         .device = true,
         .poor = "",
         .system = "Fix the grammar, spelling and punctuation of the caption. Keep names, numbers "
                   "and meaning. Output only the caption.",
         .examples = {{"we was going to the store on friday but the the car dont start",
                       "We were going to the store on Friday, but the car didn't start."},
                      {"She told me that its not to late to apply for the job in Boston.",
                       "She told me that it's not too late to apply for the job in Boston."}},
         .n_examples = 2,
         .keeps_words = true,
         .new_words_max = 1,
         .kept_percent_min = 70,
         .gate = {.whole = 3.0f}},
    [NF_TASK_SHORTEN] =
        {.name = "shorten",
         .device = true,
         .poor = "",
         .rules = EDIT_RULES_FIRST,
         .system = "Shorten the caption by leaving words out. Keep names, numbers and meaning. "
                   "Output only the caption.",
         .examples = {{"Well, I mean, what you basically want to do is just press the red button.",
                       "You want to press the red button."},
                      {"So it turns out that, in the end, Maria had actually sold 3 of the boats.",
                       "In the end, Maria had sold 3 of the boats."}},
         .n_examples = 2,
         .only_leaves_out = true,
         .new_words_max = 0,
         .kept_percent_min = 30,
         .gate = {.whole = -1000.0f}},
    [NF_TASK_FORMAL] =
        {.name = "formal",
         .device = true,
         .poor = "",
         .rules = EDIT_RULES_ONLY,
         .system = "Rewrite the caption in a formal tone. Keep names, numbers and meaning. Output "
                   "only the caption.",
         .examples = {{"Hey guys, I can't wait to show you what we've got for Maria.",
                       "Ladies and gentlemen, I cannot wait to show you what we have for Maria."},
                      {"They kinda messed up the 3 orders, so we gotta call them.",
                       "They made mistakes with the 3 orders, so we must call them."}},
         .n_examples = 2,
         .new_words_max = 5,
         .kept_percent_min = 30,
         .gate = {.whole = -1000.0f}},
    [NF_TASK_CASUAL] =
        {.name = "casual",
         .device = true,
         .poor = "",
         .rules = EDIT_RULES_ONLY,
         .system = "Rewrite the caption in a casual, friendly tone. Keep names, numbers and "
                   "meaning. Output only the caption.",
         .examples = {{"I would like to inform you that Maria will not be able to attend.",
                       "Just so you know, Maria can't make it."},
                      {"We are required to submit the 3 documents immediately.",
                       "We've got to hand in the 3 documents right away."}},
         .n_examples = 2,
         .new_words_max = 5,
         .kept_percent_min = 20,
         .gate = {.whole = -1000.0f}},
    [NF_TASK_SIMPLE] =
        {.name = "simple",
         .device = true,
         .poor = "",
         .rules = EDIT_RULES_ONLY,
         .system = "Rewrite the caption in simple, easy words. Keep names, numbers and meaning. "
                   "Output only the caption.",
         .examples = {{"Maria endeavoured to ascertain the cause of the malfunction.",
                       "Maria tried to find the cause of the fault."},
                      {"Approximately 3 vessels were subsequently purchased.",
                       "About 3 boats were then bought."}},
         .n_examples = 2,
         .new_words_max = 5,
         .kept_percent_min = 20,
         .gate = {.whole = -1000.0f}},
    [NF_TASK_REWRITE] =
        {.name = "rewrite",
         .poor = "of 100 words this model changed 15 were well changed; it needs a tuned one",
         .system = "Say the caption in other words. Keep names, numbers and meaning. Output only "
                   "the caption.",
         .examples = {{"We had a great time at the beach with Maria yesterday.",
                       "Yesterday at the beach with Maria was great fun for us."},
                      {"It took them 3 hours to repair the old boat.",
                       "They needed 3 hours to fix the old boat."}},
         .n_examples = 2,
         .new_words_max = 6,
         .kept_percent_min = 20,
         .gate = {.whole = -1000.0f}},
};

const edit_task *edit_task_of(nf_task task) {
  return task >= 0 && task < EDIT_TASKS ? &tasks[task] : nullptr;
}

bool edit_task_named(nf_bytes name, nf_task *task) {
  for (i32 i = 0; i < EDIT_TASKS; i++) {
    if (!bytes_equal(name, bytes_from_str(tasks[i].name))) continue;
    *task = (nf_task)i;
    return true;
  }
  return false;
}
