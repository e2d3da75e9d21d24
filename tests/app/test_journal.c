/* Journals: what is written is read back, whole up to any cut, and damage is told. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/journal.h"
#include "base/hash.h"
#include "base/prng.h"
#include "core/model/visit.h"

enum { EVENTS = 400, LEVELS = 40 };

static const struct engine_limits limits = {
    .instruments = 2, .bots = 3, .legs = 4, .orders = 5, .fills = 6, .book_levels = 7};

struct fixture {
    char folder[64], path[96];
    struct prng prng;
    struct level levels[LEVELS];
    struct instrument instrument;
    struct bot_config bot;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/tradebot-journal-XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    snprintf(f->path, sizeof f->path, "%s/j", f->folder);
    prng_init(&f->prng, 17);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    rmdir(f->folder);
    free(f);
    return 0;
}

static int64_t number(struct fixture *f)
{
    return (int64_t)(prng_next(&f->prng) >> prng_below(&f->prng, 64));
}

/* An event of a random kind with random contents. */
static struct event event_of(struct fixture *f, uint64_t seq)
{
    struct event e = {
        .kind = (uint8_t)prng_below(&f->prng, EVENT_KIND_COUNT), .seq = seq, .time_ms = number(f)};
    switch ((enum event_kind)e.kind) {
    case EVENT_INSTRUMENT:
        strcpy(f->instrument.symbol, "BTCUSDT");
        f->instrument.tick.units = number(f);
        f->instrument.maker_fee_ppm = -5;
        e.instrument_rules = &f->instrument;
        break;
    case EVENT_FEED: e.feed = FEED_STALE; break;
    case EVENT_BOOK:
        for (unsigned i = 0; i < LEVELS; i++)
            f->levels[i] = (struct level){{number(f)}, {-number(f)}};
        e.book.bid_count = (uint32_t)prng_below(&f->prng, LEVELS);
        e.book.ask_count = LEVELS - e.book.bid_count;
        e.book.bids = f->levels;
        e.book.asks = f->levels + e.book.bid_count;
        e.book.last_id = (uint64_t)number(f);
        break;
    case EVENT_PRINT: e.print.id = (uint64_t)number(f); break;
    case EVENT_BAR: e.bar.close.units = number(f); break;
    case EVENT_CANDLE: e.candle.candle.open_ms = -number(f); break;
    case EVENT_ORDER: e.order.venue_code = -2010; break;
    case EVENT_FILL: strcpy(e.fill.fee_asset, "BNB"); break;
    case EVENT_BOT:
        f->bot.params[3] = -0.1;
        e.bot.command = (uint8_t)prng_below(&f->prng, 3);
        e.bot.config = &f->bot;
        break;
    case EVENT_RESTORE: e.restore.kind = (uint8_t)prng_below(&f->prng, RESTORE_COUNTER + 1); break;
    default: break;
    }
    return e;
}

static uint64_t hash_of(struct event *e)
{
    struct visitor v = {.mode = VISIT_HASH, .hash = HASH_SEED};
    visit_event(&v, e, NULL);
    return v.hash;
}

static void write_journal(struct fixture *f, uint64_t hashes[EVENTS])
{
    struct journal_writer *j;
    unlink(f->path);
    assert_int_equal(journal_create(f->path, &limits, &j), OK);
    for (unsigned i = 0; i < EVENTS; i++) {
        struct event e = event_of(f, i + 1);
        hashes[i] = hash_of(&e);
        journal_event(j, &e);
        if (i % 10 == 0) journal_mark(j, i);
    }
    assert_int_equal(journal_close(j), OK);
}

static void test_journal__reads_back_what_was_written(void **state)
{
    struct fixture *f = *state;
    uint64_t hashes[EVENTS];
    write_journal(f, hashes);
    struct journal_reader *j;
    struct journal_entry entry;
    struct engine_limits read;
    assert_int_equal(journal_open(f->path, &read, &j), OK);
    assert_int_equal(read.instruments, limits.instruments);
    assert_int_equal(read.book_levels, limits.book_levels);
    assert_false(read.explain);
    for (unsigned i = 0; i < EVENTS; i++) {
        assert_int_equal(journal_next(j, &entry), OK);
        assert_int_equal(entry.kind, JOURNAL_EVENT);
        assert_true(hash_of(&entry.event) == hashes[i]);
        if (i % 10) continue;
        assert_int_equal(journal_next(j, &entry), OK);
        assert_int_equal(entry.kind, JOURNAL_MARK);
        assert_true(entry.decision_hash == i);
    }
    assert_int_equal(journal_next(j, &entry), OK);
    assert_int_equal(entry.kind, JOURNAL_END);
    journal_reader_free(j);
}

/* Reads to the end or to an error; returns the number of entries. */
static unsigned count_entries(const char *path, enum err *err)
{
    struct journal_reader *j;
    struct journal_entry entry;
    struct engine_limits read;
    unsigned count = 0;
    *err = journal_open(path, &read, &j);
    if (*err) return 0;
    while ((*err = journal_next(j, &entry)) == OK && entry.kind != JOURNAL_END) count++;
    journal_reader_free(j);
    return count;
}

static void test_journal__a_cut_file_is_whole_up_to_the_cut(void **state)
{
    struct fixture *f = *state;
    uint64_t hashes[EVENTS];
    enum err err;
    write_journal(f, hashes);
    unsigned before = count_entries(f->path, &err);
    assert_int_equal(err, OK);
    FILE *file = fopen(f->path, "r+b");
    fseek(file, 0, SEEK_END);
    for (long size = ftell(file) - 1; size > 3000; size -= 211) {
        assert_int_equal(ftruncate(fileno(file), size), 0);
        const unsigned count = count_entries(f->path, &err);
        assert_int_equal(err, OK);
        assert_true(count <= before);
        before = count;
    }
    assert_int_equal(ftruncate(fileno(file), 10), 0);
    fclose(file);
    count_entries(f->path, &err);
    assert_int_equal(err, ERR_PARSE);
}

static void test_journal__a_flipped_byte_is_damage_not_a_decision(void **state)
{
    struct fixture *f = *state;
    uint64_t hashes[EVENTS];
    enum err err;
    write_journal(f, hashes);
    const unsigned whole = count_entries(f->path, &err);
    FILE *file = fopen(f->path, "r+b");
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    unsigned told = 0;
    for (long at = 0; at < size; at += 97) {
        fseek(file, at, SEEK_SET);
        const int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 0x40, file);
        fflush(file);
        const unsigned count = count_entries(f->path, &err);
        assert_true(err == ERR_PARSE || count < whole || at < 64);
        told += err == ERR_PARSE;
        fseek(file, at, SEEK_SET);
        fputc(byte, file);
        fflush(file);
    }
    fclose(file);
    assert_true(told > 10);
}

static void test_journal__never_writes_over_a_file(void **state)
{
    struct fixture *f = *state;
    struct journal_writer *j;
    unlink(f->path);
    assert_int_equal(journal_create(f->path, &limits, &j), OK);
    assert_int_equal(journal_close(j), OK);
    assert_int_equal(journal_create(f->path, &limits, &j), ERR_EXISTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_journal__reads_back_what_was_written),
        cmocka_unit_test(test_journal__a_cut_file_is_whole_up_to_the_cut),
        cmocka_unit_test(test_journal__a_flipped_byte_is_damage_not_a_decision),
        cmocka_unit_test(test_journal__never_writes_over_a_file),
    };
    return cmocka_run_group_tests_name("app/journal", tests, setup, teardown);
}
