/* Look-up of general categories by binary search over runs. Owns nothing but the table.
 * See category.h; read next: pretok.c. */
#include "text/category.h"

#include "text/category_table.h"

category category_of(u32 cp) {
  isize low = 0, high = (isize)(sizeof category_table / sizeof *category_table);
  while (high - low > 1) { /* last entry that starts at or before cp */
    isize mid = (low + high) / 2;
    if (category_table[mid] >> 3 <= cp) {
      low = mid;
    } else {
      high = mid;
    }
  }
  return (category)(category_table[low] & 7);
}
