/* weft tap: items as they come, or how fast they go. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/sync.h"
#include "cli/tap.h"

static bool is_enough(const struct thing_call *c, uint64_t done)
{
        return c->options & THING_N && done >= c->n;
}

/* Its end. That its driver died is an exit code of its own, as it is for locks. */
static int tell_end(struct thing_call *c, int rc)
{
        if (rc == -EOWNERDEAD)
                return cli_fail(SYNC_DIED, "%s: its driver died", c->operand);
        return rc ? thing_result(c, rc, NULL) : CLI_OK;
}

/* A line of its own: there may be no last one. */
static int print_json(json_t *object)
{
        int rc = json_dumpf(object, stdout, JSON_COMPACT);
        json_decref(object);
        putchar('\n');
        int flushed = cli_flush();
        return rc ? CLI_FAILED : flushed;
}

/* ---- items --------------------------------------------------------------------------- */

static int print_item(struct thing_call *c, const void *item, size_t bytes,
                      uint64_t sequence, uint64_t lost)
{
        if (cli.json) {
                json_t *object = json_object();
                json_object_set_new(object, "sequence",
                                    json_integer((json_int_t)sequence));
                if (lost)
                        json_object_set_new(object, "lost",
                                            json_integer((json_int_t)lost));
                json_object_set_new(object, "value",
                                    value_json(c->format, bytes, item, bytes));
                return print_json(object);
        }
        if (lost) {
                fflush(stdout); /* where it belongs, if both are one */
                cli_warn("%s: %llu were lost", c->operand, (unsigned long long)lost);
        }
        if (c->format.form != VALUE_RAW)
                printf("%llu\t", (unsigned long long)sequence);
        value_print(c->format, bytes, item, bytes);
        if (c->format.form != VALUE_RAW)
                putchar('\n');
        return CLI_OK;
}

/* What was printed is written out before anything is waited for. */
int tap_items(struct thing_call *c, void *from, size_t bytes,
              int (*next)(void *from, void *item, uint64_t *sequence, uint64_t *lost,
                          uint64_t deadline))
{
        void *item = malloc(bytes);
        int code = item ? CLI_OK : cli_fail_rc(-ENOMEM, NULL);
        for (uint64_t n = 0; !code && !is_enough(c, n); n++) {
                uint64_t sequence = 0, lost = 0;
                int rc = next(from, item, &sequence, &lost, WEFT_NOW);
                if (rc == -EAGAIN) {
                        code = cli_flush();
                        if (!code)
                                rc = next(from, item, &sequence, &lost, c->deadline);
                }
                if (!code && rc == 1) {
                        code = print_item(c, item, bytes, sequence, lost);
                        continue;
                }
                if (!code && lost)
                        cli_warn("%s: %llu were lost", c->operand,
                                 (unsigned long long)lost);
                free(item);
                return code ? code : (code = cli_flush()) ? code : tell_end(c, rc);
        }
        free(item);
        return code ? code : cli_flush();
}

/* ---- rates ------------------------------------------------------------------------------ */

static void sleep_until(uint64_t then)
{
        struct timespec t = { (time_t)(then / WEFT_SEC), (long)(then % WEFT_SEC) };
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
                ;
}

static uint64_t rate(uint64_t was, uint64_t is, uint64_t ns)
{
        return is > was && ns ? (uint64_t)((double)(is - was) * 1e9 / (double)ns + 0.5)
                              : 0;
}

static int print_rates(struct thing_call *c, const struct tap_count *was,
                       const struct tap_count *is, int n, uint64_t ns)
{
        json_t *object = cli.json ? json_object() : NULL;
        if (object)
                json_object_set_new(object, "name",
                                    cli_json_text(c->operand, strlen(c->operand)));
        for (int i = 0; i < n; i++) {
                uint64_t speed = rate(was[i].n, is[i].n, ns);
                char name[64];
                snprintf(name, sizeof name, "%s_rate", is[i].name);
                if (object)
                        json_object_set_new(object, is[i].name,
                                            json_integer((json_int_t)is[i].n));
                if (object && is[i].flows)
                        json_object_set_new(object, name,
                                            json_integer((json_int_t)speed));
                if (object)
                        continue;
                printf("%s%s %llu", i ? "\t" : "", is[i].name,
                       (unsigned long long)is[i].n);
                if (is[i].flows)
                        printf(" %llu/s", (unsigned long long)speed);
        }
        if (object)
                return print_json(object);
        putchar('\n');
        return cli_flush();
}

int tap_rates(struct thing_call *c,
              int (*count)(struct thing_call *c, struct tap_count *counts))
{
        struct tap_count was[TAP_COUNTS], is[TAP_COUNTS];
        uint64_t before = weft_now();
        int n = count(c, was), code = n < 0 ? thing_result(c, n, NULL) : CLI_OK;
        for (uint64_t lines = 0; !code && !is_enough(c, lines); lines++) {
                uint64_t then = before + WEFT_SEC;
                sleep_until(then < c->deadline ? then : c->deadline);
                uint64_t now = weft_now();
                n = count(c, is);
                code = n < 0 ? thing_result(c, n, NULL)
                             : print_rates(c, was, is, n, now - before);
                if (!code && now >= c->deadline && !is_enough(c, lines + 1))
                        return tell_end(c, -ETIMEDOUT);
                before = now;
                memcpy(was, is, sizeof was);
        }
        return code;
}
