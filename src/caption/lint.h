/* Rules a caption should keep so that people can read it. Owns the rule names and profiles.
 * Does NOT repair anything. */
#pragma once
#include "caption/document.h"

/* "netflix": Netflix Timed Text Style Guide, English (partnerhelp.netflixstudios.com, "English
 * (USA) Timed Text Style Guide", adult programmes): 20 characters a second, 42 characters a
 * line, 2 lines; with the general requirements: 5/6 second to 7 seconds, 2 frames between
 * cues (83 ms at 24 frames a second, rounded down as SRT's milliseconds are). */
[[nodiscard]] nf_status lint_profile_find(nf_bytes name, nf_lint_profile *profile);
const char *lint_rule_name(nf_lint_rule rule); /* "" for no rule */
/* As nf_lint. A limit of 0 switches its rule off (overlap is always on). */
i32 lint_run(const caption_doc *doc, const nf_lint_profile *profile, nf_lint_finding *findings,
             i32 cap);
