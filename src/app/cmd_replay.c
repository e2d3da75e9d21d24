/* tradebot replay: steps a fresh engine through a journal and checks every decision hash in it. */
#include "app/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/journal.h"
#include "app/options.h"
#include "app/progress.h"
#include "core/engine/engine.h"

struct replay {
    struct engine *engine;
    struct outbox out;
    uint64_t events, orders, marks, differences;
    uint64_t first_difference_seq;
};

enum { FLAG_JSON };

enum { PROGRESS_EVENTS = 1 << 16 };

static const struct flag flags[] = {[FLAG_JSON] = {"json", NULL, "print the result as JSON"}};

static void print_more(void)
{
    puts("\nExit status: 0 same decisions; 1 different, or the file cannot be read; 2 usage.");
}

static enum err step(struct replay *r, const struct journal_entry *entry)
{
    if (entry->kind == JOURNAL_MARK) {
        r->marks++;
        if (entry->decision_hash == engine_decision_hash(r->engine)) return OK;
        if (r->differences++ == 0) r->first_difference_seq = engine_seq(r->engine);
        return OK;
    }
    if (!engine_takes(r->engine, &entry->event))
        return err_note(ERR_PARSE, "event %" PRIu64 " cannot be", r->events + 1);
    engine_step(r->engine, &entry->event, &r->out);
    r->events++;
    for (uint32_t i = 0; i < r->out.count; i++) r->orders += r->out.items[i].kind == ACTION_PLACE;
    return OK;
}

static void show_progress(const struct journal_reader *journal)
{
    uint64_t done, all;
    journal_progress(journal, &done, &all);
    progress_show(done, all);
}

static enum err run(struct replay *r, const char *path)
{
    struct engine_limits limits;
    struct journal_reader *journal;
    struct journal_entry entry;
    enum err err = journal_open(path, &limits, &journal);
    if (err) return err;
    err = engine_new(&limits, &r->engine);
    if (err) goto cleanup;
    r->out.capacity = engine_outbox_need(&limits);
    r->out.items = calloc(r->out.capacity, sizeof *r->out.items);
    if (!r->out.items) {
        err = err_set(ERR_NO_MEMORY, "cannot replay: no memory");
        goto cleanup;
    }
    do {
        err = journal_next(journal, &entry);
        if (!err && entry.kind != JOURNAL_END) err = step(r, &entry);
        if (entry.kind == JOURNAL_EVENT && r->events % PROGRESS_EVENTS == 0) show_progress(journal);
    } while (!err && entry.kind != JOURNAL_END);
    progress_show(1, 1);

cleanup:
    journal_reader_free(journal);
    return err;
}

static void print_result(const struct replay *r, bool json)
{
    const uint64_t hash = engine_decision_hash(r->engine);
    if (json) {
        printf("{\"events\":%" PRIu64 ",\"orders\":%" PRIu64 ",\"marks\":%" PRIu64
               ",\"differences\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\"}\n",
               r->events, r->orders, r->marks, r->differences, hash);
        return;
    }
    printf("%" PRIu64 " events, %" PRIu64 " orders, %" PRIu64 " marks checked\n", r->events,
           r->orders, r->marks);
    if (r->differences)
        printf("DIFFERENT at %" PRIu64 " marks, first after event %" PRIu64 "\n", r->differences,
               r->first_difference_seq);
    printf("decision hash %016" PRIx64 "%s\n", hash, r->differences ? "" : ", the same decisions");
}

int cmd_replay(int argc, char **argv)
{
    const struct options usage = {
        .command = "replay",
        .summary =
            "Steps a fresh engine through the input events that `tradebot serve --journal FILE`\n"
            "wrote, and checks that it comes to the same decisions, mark by mark.",
        .print_more = print_more,
        .operand = "JOURNAL",
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    struct arguments arguments;
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    if (!arguments.operand) return options_usage(&usage, "which journal? See --help");

    struct replay r = {0};
    const enum err err = run(&r, arguments.operand);
    status = err ? options_failed(&usage) : r.differences > 0;
    if (!err) print_result(&r, arguments.values[FLAG_JSON] != NULL);
    engine_free(r.engine);
    free(r.out.items);
    return status;
}
