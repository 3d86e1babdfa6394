/* Extended grapheme clusters, UAX #29 revision of Unicode 17.0, rules GB3 to GB999.
 * Owns the break rules; the classes come from grapheme_table.h, Hangul syllables from
 * arithmetic. Works forwards only, with the few facts about the past that the rules need. */
#include "base/grapheme_table.h"
#include "base/utf8.h"

static gcb_class class_of(u32 cp) {
  if (cp < 0x7F) {
    if (cp >= 0x20) return GCB_OTHER;
    return cp == '\r' ? GCB_CR : cp == '\n' ? GCB_LF : GCB_CONTROL;
  }
  if (cp >= 0xAC00 && cp <= 0xD7A3) return (cp - 0xAC00) % 28 == 0 ? GCB_LV : GCB_LVT;
  /* last entry that starts at or before cp */
  isize low = 0, high = (isize)(sizeof gcb_table / sizeof *gcb_table);
  while (high - low > 1) {
    isize mid = (low + high) / 2;
    if (gcb_table[mid] >> 5 <= cp) {
      low = mid;
    } else {
      high = mid;
    }
  }
  return (gcb_class)(gcb_table[low] & 31);
}

static bool is_extend(gcb_class c) {
  return c == GCB_EXTEND || c == GCB_INCB_EXTEND || c == GCB_INCB_LINKER;
}

/* What the rules look back for, beyond the class of the character before. */
typedef struct {
  gcb_class before;
  bool pictograph;  /* GB11: ExtPict Extend* lies before, and `before` continues it */
  bool odd_flags;   /* GB12, GB13: an odd number of regional indicators ends at `before` */
  bool conjunct;    /* GB9c: Consonant [Extend Linker]* lies before ... */
  bool linked;      /* ... with a Linker among it */
} history;

static void history_add(history *h, gcb_class c) {
  h->pictograph = c == GCB_PICTOGRAPH || (h->pictograph && is_extend(c)) ||
                  (h->pictograph && c == GCB_ZWJ && h->before != GCB_ZWJ);
  h->odd_flags = c == GCB_FLAG && !h->odd_flags;
  if (c == GCB_INCB_CONSONANT) {
    h->conjunct = true;
    h->linked = false;
  } else if (c == GCB_INCB_LINKER) {
    h->linked = true;
  } else if (c != GCB_INCB_EXTEND && c != GCB_ZWJ) {
    h->conjunct = false;
  }
  h->before = c;
}

static bool breaks(const history *h, gcb_class c) {
  gcb_class b = h->before;
  if (b == GCB_CR && c == GCB_LF) return false;                                     /* GB3 */
  if (b == GCB_CR || b == GCB_LF || b == GCB_CONTROL) return true;                  /* GB4 */
  if (c == GCB_CR || c == GCB_LF || c == GCB_CONTROL) return true;                  /* GB5 */
  if (b == GCB_L && (c == GCB_L || c == GCB_V || c == GCB_LV || c == GCB_LVT))
    return false; /* GB6 */
  if ((b == GCB_LV || b == GCB_V) && (c == GCB_V || c == GCB_T)) return false;      /* GB7 */
  if ((b == GCB_LVT || b == GCB_T) && c == GCB_T) return false;                     /* GB8 */
  if (is_extend(c) || c == GCB_ZWJ || c == GCB_SPACING) return false;               /* GB9, 9a */
  if (b == GCB_PREPEND) return false;                                               /* GB9b */
  if (c == GCB_INCB_CONSONANT && h->conjunct && h->linked) return false;            /* GB9c */
  if (c == GCB_PICTOGRAPH && b == GCB_ZWJ && h->pictograph) return false;           /* GB11 */
  if (c == GCB_FLAG && b == GCB_FLAG && h->odd_flags) return false;                 /* GB12, 13 */
  return true;
}

isize grapheme_next(nf_bytes text, isize at) {
  u32 cp;
  isize end = utf8_next(text, at, &cp);
  history h = {0};
  history_add(&h, class_of(cp));
  while (end < text.len) {
    isize next = utf8_next(text, end, &cp);
    gcb_class c = class_of(cp);
    if (breaks(&h, c)) break;
    history_add(&h, c);
    end = next;
  }
  return end;
}

isize grapheme_count(nf_bytes text) {
  isize n = 0;
  for (isize at = 0; at < text.len; n++) at = grapheme_next(text, at);
  return n;
}
