/* Calendar arithmetic by the days of a 400-year cycle. */
#include "service/research/utc_time.h"

#include <stdio.h>

#include "base/check.h"

enum { DAY_MS = 86400000, CYCLE_DAYS = 146097, CYCLE_YEARS = 400, EPOCH_DAY = 719468 };

/* Years start on 1 March, so that the leap day is the last: month 0 is March. EPOCH_DAY is
 * 1970-01-01 counted from 0000-03-01. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t from_march = (month + 9) % 12;
    const int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / CYCLE_YEARS + day_of_year - EPOCH_DAY;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

struct cursor {
    const char *at, *end;
    bool failed;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

static void need(struct cursor *c, char wanted)
{
    if (!take(c, wanted)) c->failed = true;
}

/* Exactly `count` digits, as a number of low..high. */
static unsigned digits(struct cursor *c, unsigned count, unsigned low, unsigned high)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count; i++, c->at++) {
        if (c->at == c->end || *c->at < '0' || *c->at > '9') {
            c->failed = true;
            return low;
        }
        value = value * 10 + (unsigned)(*c->at - '0');
    }
    if (value < low || value > high) c->failed = true;
    return value;
}

/* What follows the point, as milliseconds; digits beyond the third must be zeros. */
static unsigned fraction_ms(struct cursor *c)
{
    unsigned value = 0, count = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, count++) {
        if (count < 3)
            value = value * 10 + (unsigned)(*c->at - '0');
        else if (*c->at != '0')
            c->failed = true;
    }
    if (count == 0) c->failed = true;
    for (; count < 3; count++) value *= 10;
    return value;
}

static int64_t time_of_day(struct cursor *c)
{
    const unsigned hour = digits(c, 2, 0, 23);
    need(c, ':');
    const unsigned minute = digits(c, 2, 0, 59);
    const unsigned second = take(c, ':') ? digits(c, 2, 0, 59) : 0;
    const unsigned ms = take(c, '.') ? fraction_ms(c) : 0;
    if (take(c, '+')) {
        for (const char *zone = "00:00"; *zone; zone++) need(c, *zone);
    } else {
        take(c, 'Z');
    }
    return ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + ms;
}

bool utc_time_parse(const char *text, size_t size, int64_t *time_ms)
{
    struct cursor c = {text, text + size, false};
    const unsigned year = digits(&c, 4, 1970, 9999);
    need(&c, '-');
    const unsigned month = digits(&c, 2, 1, 12);
    need(&c, '-');
    const unsigned day = digits(&c, 2, 1, 31);
    if (c.failed || day > days_in_month(year, month)) return false;
    int64_t ms = days_of(year, month, day) * DAY_MS;
    if (take(&c, 'T') || take(&c, ' ')) ms += time_of_day(&c);
    if (c.failed || c.at != c.end) return false;
    *time_ms = ms;
    return true;
}

void utc_time_write(int64_t time_ms, char out[UTC_TIME_TEXT_SIZE])
{
    CHECK(time_ms >= 0);
    const int64_t from_march = time_ms / DAY_MS + EPOCH_DAY;
    const int64_t cycle = from_march / CYCLE_DAYS, day = from_march % CYCLE_DAYS;
    const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    const int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
    const int64_t day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    const int64_t s = time_ms % DAY_MS / 1000, ms = time_ms % 1000;
    const int length = snprintf(out, UTC_TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d",
                                (int)(cycle * CYCLE_YEARS + year + (month >= 10)),
                                (int)(month < 10 ? month + 3 : month - 9), (int)day_of_month,
                                (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    CHECK(length > 0 && length < UTC_TIME_TEXT_SIZE - 6);
    const size_t room = (size_t)(UTC_TIME_TEXT_SIZE - length);
    if (ms)
        snprintf(out + length, room, ".%03dZ", (int)ms);
    else
        snprintf(out + length, room, "Z");
}
