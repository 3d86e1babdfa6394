/* Are there fonts for every letter of the captions? Asked before anything is drawn: libass would
 * put boxes in their place. One frame for each 300 different letters is drawn and thrown away. */
#pragma once
#include "nearfield.h"
#include "workers/render/media.h"

/* Needs fonts/ in the current folder. false: the first letter without one, and the package that
 * may have it. */
bool letters_have_fonts(const nf_caption *doc, failure *f);
