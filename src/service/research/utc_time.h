/* Moments as people and files write them: RFC 3339 in UTC, to the second or finer.
 *
 * Days of the proleptic Gregorian calendar, no leap seconds, years 1970 to 9999. Times are ms since
 * 1970 UTC, as everywhere. */
#ifndef SERVICE_RESEARCH_UTC_TIME_H
#define SERVICE_RESEARCH_UTC_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTC_TIME_TEXT_SIZE = 32 };

/* "2022-01-31", or that with " " or "T" and "23:59", "23:59:59" or "23:59:59.123", then nothing,
 * "Z" or "+00:00". False for anything else, for another zone, a day that the month does not have
 * and a fraction finer than a millisecond. */
bool utc_time_parse(const char *text, size_t size, int64_t *time_ms);

/* "2022-01-31T23:59:59Z", with ".123" where there are milliseconds; time_ms >= 0. */
void utc_time_write(int64_t time_ms, char out[UTC_TIME_TEXT_SIZE]);

#endif
