/* See http_date.h. Calendar arithmetic after H. Hinnant, "chrono-compatible low-level date
 * algorithms": years begin in March, so that the leap day is the last one. */
#include "server/http_date.h"

static const char DAYS[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static void two_digits(char *out, i64 n) {
  out[0] = (char)('0' + n / 10);
  out[1] = (char)('0' + n % 10);
}

void http_date_write(i64 seconds, char out[29]) {
  ASSERT(seconds >= 0);
  i64 days = seconds / 86400, second = seconds % 86400;
  i64 z = days + 719468, era = z / 146097, day_of_era = z % 146097;
  i64 year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  i64 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  i64 month_from_march = (5 * day_of_year + 2) / 153;
  i64 day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  i64 month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  i64 year = year_of_era + era * 400 + (month <= 2);
  static const char form[] = "ddd, DD mmm YYYY HH:MM:SS GMT";
  for (int i = 0; i < 29; i++) out[i] = form[i]; /* no NUL: it is not a string */
  memcpy(out, DAYS + days % 7 * 3, 3);
  two_digits(out + 5, day);
  memcpy(out + 8, MONTHS + (month - 1) * 3, 3);
  two_digits(out + 12, year / 100 % 100);
  two_digits(out + 14, year % 100);
  two_digits(out + 17, second / 3600);
  two_digits(out + 20, second / 60 % 60);
  two_digits(out + 23, second % 60);
}

bool http_date_read(nf_bytes date, i64 *seconds) {
  if (date.len != HTTP_DATE_BYTES) return false;
  i64 day, year, hour, minute, second, month = -1;
  if (!bytes_number(bytes_from(date.at + 5, 2), &day) ||
      !bytes_number(bytes_from(date.at + 12, 4), &year) ||
      !bytes_number(bytes_from(date.at + 17, 2), &hour) ||
      !bytes_number(bytes_from(date.at + 20, 2), &minute) ||
      !bytes_number(bytes_from(date.at + 23, 2), &second)) {
    return false;
  }
  for (i64 m = 0; m < 12; m++) {
    if (memcmp(date.at + 8, MONTHS + 3 * m, 3) == 0) month = m + 1;
  }
  if (month < 0 || year < 1970 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) {
    return false;
  }
  i64 y = year - (month <= 2), era = y / 400, year_of_era = y % 400;
  i64 day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  i64 days =
      era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
  i64 result = days * 86400 + hour * 3600 + minute * 60 + second;
  if (result < 0) return false;
  /* what we would have written for that moment, letter for letter, or it is not a date */
  char again[29];
  http_date_write(result, again);
  if (memcmp(again, date.at, 29) != 0) return false;
  *seconds = result;
  return true;
}
