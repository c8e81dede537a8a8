/* Preloaded into a process: notes every change of the files below $RECORDED_FOLDER in $RECORDED_LOG, in order.
 *
 * A record is a line "operation process a b n_path n_other n_data\n", followed by two paths and the data.
 * The process is killed after $RECORDED_KILL_AFTER records, if that is set. `recorder_set_room` lets the disk be full
 * after a number of bytes, counted over all files of that folder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FILES 4096
#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char is_watched[MAX_FILES];
static long room = -1; /* bytes that can still be written; -1 for no limit */

void recorder_set_room(long n_bytes) { room = n_bytes; }

static int is_inside(const char *path) {
    const char *folder = getenv("RECORDED_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    return length && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static const char *absolute(int folder, const char *path, char *room_for_path) {
    char link[64];
    if (path[0] == '/') snprintf(room_for_path, PATH_MAX, "%s", path);
    else if (folder == AT_FDCWD) {
        if (!getcwd(room_for_path, PATH_MAX)) abort();
        size_t length = strlen(room_for_path);
        snprintf(room_for_path + length, PATH_MAX - length, "/%s", path);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, room_for_path, PATH_MAX - 1);
        if (length < 0) abort();
        snprintf(room_for_path + length, PATH_MAX - length, "/%s", path);
    }
    return room_for_path;
}

static void note(const char *what, long a, long b, const char *path, const char *other, const void *data, size_t n) {
    char head[128];
    const char *log = getenv("RECORDED_LOG");
    if (!log) return;
    int file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    int length = snprintf(head, sizeof head, "%s %d %ld %ld %zu %zu %zu\n", what, getpid(), a, b, strlen(path), strlen(other), n);
    struct iovec parts[] = {{head, length}, {(void *)path, strlen(path)}, {(void *)other, strlen(other)}, {(void *)data, n}};
    if (file < 0 || syscall(SYS_writev, file, parts, 4) != (long)(length + strlen(path) + strlen(other) + n)) abort();
    syscall(SYS_close, file);
    static long n_records;
    const char *last = getenv("RECORDED_KILL_AFTER");
    if (last && ++n_records >= atol(last)) kill(getpid(), SIGKILL);
}

static int watched(int file) { return file >= 0 && file < MAX_FILES && is_watched[file]; }

static size_t granted(size_t n) {
    if (room < 0) return n;
    size_t allowed = (size_t)room < n ? (size_t)room : n;
    room -= allowed;
    return allowed;
}

static int opened(int file, int folder, const char *path, int flags) {
    char buffer[PATH_MAX];
    if (file < 0 || file >= MAX_FILES || !is_inside(absolute(folder, path, buffer))) return file;
    is_watched[file] = 1;
    note("open", file, flags, buffer, "", "", 0);
    return file;
}

#define OPENING(call) \
    int mode = 0; \
    if (flags & O_CREAT) { va_list list; va_start(list, flags); mode = va_arg(list, int); va_end(list); } \
    pthread_mutex_lock(&mutex); \
    int file = call; \
    int kept = errno; \
    opened(file, folder, path, flags); \
    pthread_mutex_unlock(&mutex); \
    errno = kept; \
    return file

int open(const char *path, int flags, ...) { REAL(open); int folder = AT_FDCWD; OPENING(real(path, flags, mode)); }
int open64(const char *path, int flags, ...) { REAL(open64); int folder = AT_FDCWD; OPENING(real(path, flags, mode)); }
int openat(int folder, const char *path, int flags, ...) { REAL(openat); OPENING(real(folder, path, flags, mode)); }
int openat64(int folder, const char *path, int flags, ...) { REAL(openat64); OPENING(real(folder, path, flags, mode)); }

int close(int file) {
    REAL(close);
    if (watched(file)) { is_watched[file] = 0; note("close", file, 0, "", "", "", 0); }
    return real(file);
}

#define WRITING(call, at) \
    if (!watched(file)) return call; \
    pthread_mutex_lock(&mutex); \
    size_t asked = n; \
    n = granted(n); \
    ssize_t done = asked && !n ? (errno = ENOSPC, -1) : call; \
    int kept = errno; \
    if (done > 0) note("write", file, at, "", "", data, done); \
    pthread_mutex_unlock(&mutex); \
    errno = kept; \
    return done

ssize_t write(int file, const void *data, size_t n) { REAL(write); WRITING(real(file, data, n), lseek(file, 0, SEEK_CUR) - done); }
ssize_t pwrite(int file, const void *data, size_t n, off_t at) { REAL(pwrite); WRITING(real(file, data, n, at), at); }
ssize_t pwrite64(int file, const void *data, size_t n, off64_t at) { REAL(pwrite64); WRITING(real(file, data, n, at), at); }

/* What this recorder cannot follow must not be used in the folder. */
#define REFUSED(name, type, declared, given) \
    type name declared { REAL(name); if (watched(file)) { fprintf(stderr, #name " is not recorded\n"); abort(); } return real given; }
REFUSED(writev, ssize_t, (int file, const struct iovec *parts, int n), (file, parts, n))
REFUSED(pwritev, ssize_t, (int file, const struct iovec *parts, int n, off_t at), (file, parts, n, at))
REFUSED(pwritev64, ssize_t, (int file, const struct iovec *parts, int n, off64_t at), (file, parts, n, at))
REFUSED(copy_file_range, ssize_t, (int in, off64_t *from, int file, off64_t *to, size_t n, unsigned flags), (in, from, file, to, n, flags))
REFUSED(posix_fallocate, int, (int file, off_t at, off_t n), (file, at, n))
REFUSED(posix_fallocate64, int, (int file, off64_t at, off64_t n), (file, at, n))

/* Python copies by `write` where the system cannot copy by itself. */
#define WITHOUT(name, declared, given) \
    ssize_t name declared { REAL(name); if (watched(file)) { errno = ENOTSOCK; return -1; } return real given; }
WITHOUT(sendfile, (int file, int in, off_t *from, size_t n), (file, in, from, n))
WITHOUT(sendfile64, (int file, int in, off64_t *from, size_t n), (file, in, from, n))

#define NOTED(call, ...) \
    pthread_mutex_lock(&mutex); \
    int result = call; \
    int kept = errno; \
    if (result == 0) note(__VA_ARGS__); \
    pthread_mutex_unlock(&mutex); \
    errno = kept; \
    return result

#define ON_FILE(name, declared, given, ...) \
    int name declared { REAL(name); if (!watched(file)) return real given; NOTED(real given, __VA_ARGS__); }
ON_FILE(ftruncate, (int file, off_t n), (file, n), "truncate", file, n, "", "", "", 0)
ON_FILE(ftruncate64, (int file, off64_t n), (file, n), "truncate", file, n, "", "", "", 0)
ON_FILE(fsync, (int file), (file), "sync", file, 0, "", "", "", 0)
ON_FILE(fdatasync, (int file), (file), "sync", file, 0, "", "", "", 0)

static int on_name(const char *what, int folder, const char *path, int result) {
    char buffer[PATH_MAX];
    int kept = errno;
    if (result == 0 && is_inside(absolute(folder, path, buffer))) note(what, 0, 0, buffer, "", "", 0);
    pthread_mutex_unlock(&mutex);
    errno = kept;
    return result;
}

#define ON_NAME(name, declared, given, what, folder) \
    int name declared { REAL(name); pthread_mutex_lock(&mutex); return on_name(what, folder, path, real given); }
ON_NAME(unlink, (const char *path), (path), "unlink", AT_FDCWD)
ON_NAME(rmdir, (const char *path), (path), "unlink", AT_FDCWD)
ON_NAME(unlinkat, (int folder, const char *path, int flags), (folder, path, flags), "unlink", folder)
ON_NAME(mkdir, (const char *path, mode_t mode), (path, mode), "mkdir", AT_FDCWD)
ON_NAME(mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode), "mkdir", folder)

static int on_names(const char *what, int from, const char *path, int to, const char *other, int result) {
    char before[PATH_MAX], after[PATH_MAX];
    int kept = errno;
    if (result == 0 && is_inside(absolute(to, other, after))) note(what, 0, 0, absolute(from, path, before), after, "", 0);
    pthread_mutex_unlock(&mutex);
    errno = kept;
    return result;
}

#define ON_NAMES(name, declared, given, what, from, to) \
    int name declared { REAL(name); pthread_mutex_lock(&mutex); return on_names(what, from, path, to, other, real given); }
ON_NAMES(rename, (const char *path, const char *other), (path, other), "rename", AT_FDCWD, AT_FDCWD)
ON_NAMES(renameat, (int from, const char *path, int to, const char *other), (from, path, to, other), "rename", from, to)
ON_NAMES(link, (const char *path, const char *other), (path, other), "link", AT_FDCWD, AT_FDCWD)
ON_NAMES(linkat, (int from, const char *path, int to, const char *other, int flags), (from, path, to, other, flags), "link", from, to)
