/* JSON on stdout: strings escaped, numbers short. Owns nothing; knows no commands. */
#pragma once
#include <stdio.h>
#include "nearfield.h"

/* "..." with everything escaped that JSON wants escaped. Bytes that are not UTF-8 become
 * U+FFFD, so the output is always valid. */
void json_string(FILE *out, nf_bytes text);
void json_str(FILE *out, const char *text);
