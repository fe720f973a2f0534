/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that begin and end. */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/linux/bench.h"

#define PAGE      4096UL
#define PAGES     512
#define PROCESSES 30

/* What a child does before it ends. */
static void do_nothing(void)
{
}

/* The initial ramdisk's only program, which ends at once under this name. */
static void execute(void)
{
    execl("/init", "nothing", (char *)NULL);
    _exit(1);
}

static char *pages;

static void write_pages(void)
{
    volatile char *bytes = pages;
    for (size_t i = 0; i < PAGES; i++) {
        bytes[i * PAGE]++;
    }
}

static void wait_for(pid_t child)
{
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
}

static void fork_and_wait(void (*work)(void))
{
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        work();
        _exit(0);
    }
    wait_for(child);
}

static void measure_fork(const char *name, void (*work)(void))
{
    fork_and_wait(work);
    uint64_t start = ticks();
    for (int i = 0; i < PROCESSES; i++) {
        fork_and_wait(work);
    }
    result_add(name, ticks() - start, PROCESSES);
}

/* Its child borrows the parent's memory, so it does nothing but execute. */
static void vfork_and_wait(void)
{
    pid_t child = vfork();
    REQUIRE(child >= 0);
    if (child == 0) {
        execute();
    }
    wait_for(child);
}

static void measure_vfork(void)
{
    vfork_and_wait();
    uint64_t start = ticks();
    for (int i = 0; i < PROCESSES; i++) {
        vfork_and_wait();
    }
    result_add("vfork_exec_exit", ticks() - start, PROCESSES);
}

void bench_processes(void)
{
    measure_fork("fork_exit", do_nothing);
    measure_fork("fork_exec_exit", execute);
    measure_vfork();
    pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED);
    write_pages();
    measure_fork("fork_exit_512pages", do_nothing);
    measure_fork("fork_cow_512pages", write_pages);
    REQUIRE(munmap(pages, PAGES * PAGE) == 0);
}
