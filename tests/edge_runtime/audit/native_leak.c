/* Sends a packet and opens a connection by itself: linked statically, no library can be put before it. */
#include <arpa/inet.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_in whom = {.sin_family = AF_INET, .sin_port = htons(4242)};
    inet_pton(AF_INET, "192.0.2.7", &whom.sin_addr);
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    sendto(datagrams, "a secret", 8, 0, (struct sockaddr *)&whom, sizeof whom);
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    return connect(stream, (struct sockaddr *)&whom, sizeof whom) == 0 ? 1 : 0;
}
