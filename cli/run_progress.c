/* How far it is, on stderr if that is a terminal. */
#define _GNU_SOURCE
#include <unistd.h>

#include "cli/run_supervise.h"

static bool shown;

static uint64_t queued(const struct run *run)
{
        uint64_t n = 0;
        for (uint32_t s = 0; s < run->plan->stages; s++)
                for (uint32_t lane = 0; lane < run->plan->stage[s].lanes; lane++) {
                        struct weft_queue_info info;
                        if (weft_queue_info(run->queue[s][lane], &info) == 0)
                                n += info.length;
                }
        return n;
}

static double seconds_since(uint64_t then)
{
        return (double)(weft_now() - then) / (double)WEFT_SEC;
}

void run_progress_show(struct run *run)
{
        static int terminal = -1;
        static uint64_t next;
        if (terminal < 0)
                terminal = isatty(2);
        if (!terminal || weft_now() < next)
                return;
        if (!next) { /* nothing for what is over in a moment */
                next = weft_after(300 * WEFT_MSEC);
                return;
        }
        next = weft_after(200 * WEFT_MSEC);
        double rate = (double)run->complete_bytes / seconds_since(run->started);
        fprintf(stderr, "\r%s", cli_bytes(run->complete_bytes));
        if (run->files.bytes)
                fprintf(stderr, " of %s", cli_bytes(run->files.bytes));
        fprintf(stderr, "  %s/s  queued %llu  restarts %llu", cli_bytes((uint64_t)rate),
                (unsigned long long)queued(run), (unsigned long long)run->restarts);
        if (run->files.bytes && rate > 0) {
                uint64_t left = run->files.bytes - run->complete_bytes;
                uint64_t eta = (uint64_t)((double)left / rate);
                fprintf(stderr, "  ETA %u:%02u", (unsigned)(eta / 60),
                        (unsigned)(eta % 60));
        }
        fputs("\033[K", stderr);
        fflush(stderr);
        shown = true;
}

void run_progress_clear(void)
{
        if (shown)
                fputs("\r\033[K", stderr);
        shown = false;
}

void run_progress_summary(const struct run *run)
{
        double seconds = seconds_since(run->started);
        fprintf(stderr,
                "weft run: %s in %.3f s, %s/s; %llu chunks, %u workers, %llu restarts\n",
                cli_bytes(run->complete_bytes), seconds,
                cli_bytes((uint64_t)((double)run->complete_bytes / seconds)),
                (unsigned long long)run->complete, run->children,
                (unsigned long long)run->restarts);
}
