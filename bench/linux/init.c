/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first program. Its first line is the time it was reached: "init: tsc N". With "workload" on
 * the kernel's command line (which Linux hands on as an argument) the workload follows; then the
 * machine is switched off.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/linux/bench.h"

#define RESULTS_MAX 64

static struct {
    const char *name;
    uint64_t each;
} results[RESULTS_MAX];
static size_t result_count;

void fail(const char *file, int line, const char *condition)
{
    printf("FAIL %s:%d: %s\n", file, line, condition);
    fflush(stdout);
    reboot(RB_POWER_OFF);
    _exit(1);
}

void result_add(const char *name, uint64_t total, uint64_t count)
{
    REQUIRE(result_count < RESULTS_MAX);
    results[result_count].name = name;
    results[result_count].each = (total + count / 2) / count;
    result_count++;
}

void results_print(void)
{
    for (size_t i = 0; i < result_count; i++) {
        printf("BENCH %s %lu\n", results[i].name, results[i].each);
    }
}

/* An initial ramdisk made without root has no device nodes, so the kernel found no console. */
static void open_console(void)
{
    mkdir("/dev", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    int console = open("/dev/console", O_RDWR);
    for (int fd = 0; fd <= 2; fd++) {
        dup2(console, fd);
    }
}

static void run_workload(void)
{
    uint64_t start = ticks();
    bench_calls();
    bench_memory();
    bench_processes();
    uint64_t end = ticks();
    results_print();
    printf("BENCH all %lu\n", end - start);
}

int main(int count, char **arguments)
{
    uint64_t reached = ticks();
    /* As a program that bench_processes() starts: there is nothing to do. */
    if (count > 0 && strcmp(arguments[0], "nothing") == 0) {
        _exit(0);
    }
    open_console();
    printf("init: tsc %lu\n", reached);
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "workload") == 0) {
            run_workload();
        }
    }
    printf("init: end\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 1;
}
