/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls, signals and pipes. */
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/linux/bench.h"

#define CALLS       2000
#define ROUND_TRIPS 300

static void measure_getpid(void)
{
    uint64_t start = ticks();
    for (int i = 0; i < CALLS; i++) {
        syscall(SYS_getpid);
    }
    result_add("getpid", ticks() - start, CALLS);
}

static void measure_read(void)
{
    int zero = open("/dev/zero", O_RDONLY);
    char byte = 0;
    REQUIRE(zero >= 0 && read(zero, &byte, 1) == 1);
    uint64_t start = ticks();
    for (int i = 0; i < CALLS; i++) {
        REQUIRE(read(zero, &byte, 1) == 1);
    }
    result_add("read_zero_1", ticks() - start, CALLS);
    close(zero);
}

static void measure_clock(void)
{
    struct timespec now;
    REQUIRE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    uint64_t start = ticks();
    for (int i = 0; i < CALLS; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    result_add("clock_gettime", ticks() - start, CALLS);
}

static volatile sig_atomic_t signals_seen;

static void on_signal(int number)
{
    (void)number;
    signals_seen++;
}

static void measure_signal(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    pid_t self = getpid();
    uint64_t start = ticks();
    for (int i = 0; i < CALLS; i++) {
        kill(self, SIGUSR1);
    }
    result_add("signal", ticks() - start, CALLS);
    REQUIRE(signals_seen == CALLS);
}

/* Send back what comes, until there is nothing more. */
static void echo(int from, int to)
{
    char byte;
    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1) {
    }
    _exit(0);
}

/* One byte to another process and back: two context switches. */
static void measure_pipe(void)
{
    int there[2], back[2];
    REQUIRE(pipe(there) == 0 && pipe(back) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        close(there[1]);
        echo(there[0], back[1]);
    }
    close(there[0]);
    char byte = 0;
    REQUIRE(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
    uint64_t start = ticks();
    for (int i = 0; i < ROUND_TRIPS; i++) {
        REQUIRE(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
    }
    result_add("pipe_round_trip", ticks() - start, ROUND_TRIPS);
    close(there[1]);
    close(back[0]);
    close(back[1]);
    REQUIRE(waitpid(child, NULL, 0) == child);
}

void bench_calls(void)
{
    measure_getpid();
    measure_read();
    measure_clock();
    measure_signal();
    measure_pipe();
}
