/* The anchor of bench_tick: the least a C program can do, wait for bytes and write others back. */
#include "tick_echo.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

static int dial(uint16_t port)
{
    const int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* One connection for what comes and one for what goes, as the desk has. */
void *tick_echo_run(void *argument)
{
    const struct tick_echo *echo = argument;
    char in[65536], out[4096];
    const int feed = dial(echo->port), orders = dial(echo->port), poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = feed};
    CHECK(poll >= 0 && epoll_ctl(poll, EPOLL_CTL_ADD, feed, &event) == 0);
    memset(out, 'x', sizeof out);
    while (epoll_wait(poll, &event, 1, -1) > 0) {
        if (read(feed, in, sizeof in) <= 0) break;
        if (write(orders, out, echo->answer_size) <= 0) break;
    }
    close(poll);
    close(orders);
    close(feed);
    return NULL;
}
