/* Preloaded into a process and all that it starts: notes each look-up of a name and each packet for another machine. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void note(const char *what, const char *whom) {
    char line[512];
    int length = snprintf(line, sizeof line, "%s %.300s (%s)\n", what, whom ? whom : "", program_invocation_short_name);
    int log = open(getenv("NETWORK_WATCH_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (log < 0 || write(log, line, length) != length) abort();
    close(log);
}

static void note_address(const char *what, const struct sockaddr *address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address == NULL) return;
    if (address->sa_family == AF_INET) inet_ntop(AF_INET, &((struct sockaddr_in *)address)->sin_addr, text, sizeof text);
    else if (address->sa_family == AF_INET6) inet_ntop(AF_INET6, &((struct sockaddr_in6 *)address)->sin6_addr, text, sizeof text);
    else return;
    note(what, text);
}

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    REAL(getaddrinfo);
    struct in6_addr ignored; /* a number is no name */
    if (node && inet_pton(AF_INET, node, &ignored) != 1 && inet_pton(AF_INET6, node, &ignored) != 1) note("look-up", node);
    return real(node, service, hints, found);
}

struct hostent *gethostbyname(const char *name) {
    REAL(gethostbyname);
    note("look-up", name);
    return real(name);
}

struct hostent *gethostbyname2(const char *name, int family) {
    REAL(gethostbyname2);
    note("look-up", name);
    return real(name, family);
}

int gethostbyname_r(const char *name, struct hostent *host, char *room, size_t size, struct hostent **found, int *error) {
    REAL(gethostbyname_r);
    note("look-up", name);
    return real(name, host, room, size, found, error);
}

int connect(int socket, const struct sockaddr *address, socklen_t length) {
    REAL(connect);
    note_address("connect", address);
    return real(socket, address, length);
}

ssize_t sendto(int socket, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length) {
    REAL(sendto);
    note_address("send", address);
    return real(socket, data, size, flags, address, length);
}
