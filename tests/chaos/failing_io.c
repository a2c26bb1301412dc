/*
 * Fails one call, or all from one on, that a process makes on its files: preloaded by failing_io.rs.
 *
 * FAIL_WITHIN  part of the paths that count
 * FAIL_CALL    "open", "write", "sync", or "short" for a write that takes only half
 * FAIL_NTH     which call of this kind, from 1; 0: none
 * FAIL_ERRNO   the error
 * FAIL_AFTER   "1": all that follow, too
 * FAIL_KILL    "1": the process is killed instead of the call
 * FAIL_REPORT  file in which each failed path is written, and at the end the number of calls
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPEN, WRITE, SYNC, SHORT };
#define MOST_FILES 4096
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *within, *report;
static int call = -1, error, goes_on, kills;
static long nth;
static atomic_long count;
static char *paths[MOST_FILES];

static void say(const char *what, const char *path, long number) {
    char line[512];
    int length = snprintf(line, sizeof line, "%s %ld %s\n", what, number, path);
    int file = REAL(open64)(report, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file >= 0) {
        ssize_t written = REAL(write)(file, line, (size_t)length);
        (void)written;
        REAL(close)(file);
    }
}

__attribute__((constructor)) static void begin(void) {
    const char *kind = getenv("FAIL_CALL");
    within = getenv("FAIL_WITHIN");
    report = getenv("FAIL_REPORT");
    if (!kind || !within || !report) return;
    nth = atol(getenv("FAIL_NTH"));
    error = atoi(getenv("FAIL_ERRNO"));
    goes_on = strcmp(getenv("FAIL_AFTER"), "1") == 0;
    kills = getenv("FAIL_KILL") && strcmp(getenv("FAIL_KILL"), "1") == 0;
    call = !strcmp(kind, "open") ? OPEN : !strcmp(kind, "write") ? WRITE : !strcmp(kind, "sync") ? SYNC : SHORT;
}

__attribute__((destructor)) static void end(void) {
    if (call >= 0) say("calls", "", count);
}

static int fails(int kind, const char *path) {
    if (call != kind || !path) return 0;
    long number = ++count;
    int is_due = nth > 0 && (number == nth || (goes_on && number > nth));
    if (number == nth) say("failed", path, number);
    if (is_due && kills) raise(SIGKILL);
    if (is_due) errno = error;
    return is_due;
}

static const char *path_of(int file) {
    return call >= 0 && file >= 0 && file < MOST_FILES ? paths[file] : NULL;
}

static int opened(int file, const char *path) {
    if (call >= 0 && file >= 0 && file < MOST_FILES) paths[file] = strstr(path, within) ? strdup(path) : NULL;
    return file;
}

static int open_it(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if (call >= 0 && strstr(path, within) && fails(OPEN, path)) return -1;
    return opened(real(path, flags, mode), path);
}

#define OPEN_LIKE(name)                                        \
    int name(const char *path, int flags, ...) {               \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                          \
        return open_it(REAL(name), path, flags, mode);         \
    }
OPEN_LIKE(open)
OPEN_LIKE(open64)

int close(int file) {
    if (path_of(file)) paths[file] = NULL;
    return REAL(close)(file);
}

#define WRITE_LIKE(name, PARAMETERS, REST)                       \
    ssize_t name PARAMETERS {                                  \
        if (fails(WRITE, path_of(file))) return -1;            \
        if (size > 1 && fails(SHORT, path_of(file))) size /= 2;\
        return REAL(name)REST;                                 \
    }
WRITE_LIKE(write, (int file, const void *bytes, size_t size), (file, bytes, size))
WRITE_LIKE(pwrite, (int file, const void *bytes, size_t size, off_t at), (file, bytes, size, at))
WRITE_LIKE(pwrite64, (int file, const void *bytes, size_t size, off64_t at), (file, bytes, size, at))

int fsync(int file) { return fails(SYNC, path_of(file)) ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return fails(SYNC, path_of(file)) ? -1 : REAL(fdatasync)(file); }
