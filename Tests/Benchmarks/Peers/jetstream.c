// A load client for NATS JetStream, one thread: publishes with so many acknowledgements outstanding,
// or publishes to many consumers. Prints one JSON object, as apus-load does.
//
//     jetstream publish PORT IN_FLIGHT SECONDS
//     jetstream deliver PORT SECONDS                 one in flight, until it is delivered
//     jetstream fan-out PORT CONSUMERS SECONDS
//
// The protocol is NATS' own: lines of text, payloads by length.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { payload_bytes = 300, input_bytes = 1 << 20, most_samples = 4 << 20 };

struct link {
    int socket;
    size_t used;
    char input[input_bytes];
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void die(const char *what) {
    fprintf(stderr, "jetstream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void send_all(struct link *link, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = write(link->socket, bytes, count);
        if (sent < 0) die("write");
        bytes += sent;
        count -= sent;
    }
}

static void say(struct link *link, const char *format, ...) {
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    send_all(link, line, length);
}

static struct link *open_link(int port) {
    struct link *link = calloc(1, sizeof *link);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    link->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(link->socket, (void *)&address, sizeof address) != 0) die("connect");
    int on = 1;
    setsockopt(link->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    say(link, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n");
    return link;
}

// Takes what has arrived and counts the messages (MSG, HMSG) in it; answers PINGs. Blocks until
// something arrives.
static int take(struct link *link) {
    ssize_t got = read(link->socket, link->input + link->used, input_bytes - link->used);
    if (got <= 0) die("read");
    link->used += got;
    char *at = link->input, *end = link->input + link->used;
    int messages = 0;
    while (at < end) {
        char *line_end = memmem(at, end - at, "\r\n", 2);
        if (line_end == NULL) break;
        char *next = line_end + 2;
        if (strncmp(at, "MSG ", 4) == 0 || strncmp(at, "HMSG ", 5) == 0) {
            char *size = line_end;
            while (size[-1] != ' ') size--;
            long length = strtol(size, NULL, 10);
            if (end - next < length + 2) break;
            if (memmem(next, length, "\"error\"", 7) != NULL) {
                fprintf(stderr, "jetstream: %.*s\n", (int)length, next);
                exit(1);
            }
            next += length + 2;
            messages++;
        } else if (strncmp(at, "PING", 4) == 0) {
            say(link, "PONG\r\n");
        } else if (strncmp(at, "-ERR", 4) == 0) {
            fprintf(stderr, "jetstream: %.*s\n", (int)(line_end - at), at);
            exit(1);
        }
        at = next;
    }
    memmove(link->input, at, end - at);
    link->used = end - at;
    return messages;
}

static void wait_for(struct link *link, int messages) {
    while (messages > 0) messages -= take(link);
}

static void ask(struct link *link, const char *subject, const char *json) {
    say(link, "PUB %s reply %zu\r\n%s\r\n", subject, strlen(json), json);
    wait_for(link, 1);
}

static void make_stream(struct link *link) {
    say(link, "SUB reply 1\r\n");
    ask(link, "$JS.API.STREAM.CREATE.bench",
        "{\"name\":\"bench\",\"subjects\":[\"bench.>\"],\"storage\":\"file\",\"retention\":\"limits\"}");
}

static void add_consumer(struct link *link, const char *deliver_to) {
    char json[512];
    snprintf(json, sizeof json,
        "{\"stream_name\":\"bench\",\"config\":{\"deliver_subject\":\"%s\",\"ack_policy\":\"none\","
        "\"deliver_policy\":\"new\"}}", deliver_to);
    ask(link, "$JS.API.CONSUMER.CREATE.bench", json);
}

static char message[payload_bytes + 128];
static int message_length;

static void prepare(const char *reply) {
    message_length = sprintf(message, "PUB bench.lead %s %d\r\n", reply, payload_bytes);
    memset(message + message_length, 'v', payload_bytes);
    message_length += payload_bytes;
    memcpy(message + message_length, "\r\n", 2);
    message_length += 2;
}

static double samples[most_samples];

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(long events, double seconds, long count) {
    if (count > most_samples) count = most_samples;
    qsort(samples, count, sizeof samples[0], ascending);
    printf("{\"events\":%ld,\"seconds\":%f,\"p50\":%f,\"p99\":%f}\n", events, seconds,
        count ? samples[count / 2] : 0, count ? samples[count * 99 / 100] : 0);
}

// Acknowledgements come in the order of the publishes.
static void publish(int port, int in_flight, double seconds) {
    struct link *link = open_link(port);
    make_stream(link);
    prepare("reply");
    double *sent = calloc(in_flight, sizeof *sent);
    long written = 0, acknowledged = 0;
    double start = now(), moment = start;
    while (moment < start + seconds) {
        char batch[64 << 10];
        size_t filled = 0;
        while (written - acknowledged < in_flight) {
            if (filled + message_length > sizeof batch) {
                send_all(link, batch, filled);
                filled = 0;
            }
            memcpy(batch + filled, message, message_length);
            filled += message_length;
            sent[written++ % in_flight] = moment;
        }
        send_all(link, batch, filled);
        int answers = take(link);
        moment = now();
        for (; answers > 0; answers--, acknowledged++)
            if (acknowledged < most_samples)
                samples[acknowledged] = moment - sent[acknowledged % in_flight];
    }
    report(acknowledged, moment - start, acknowledged);
}

static void deliver(int port, double seconds) {
    struct link *publisher = open_link(port), *consumer = open_link(port);
    make_stream(publisher);
    say(consumer, "SUB events 1\r\n");
    add_consumer(publisher, "events");
    prepare("reply");
    long count = 0;
    double start = now(), moment = start;
    while (moment < start + seconds) {
        double sent = moment;
        send_all(publisher, message, message_length);
        wait_for(consumer, 1);
        moment = now();
        if (count < most_samples) samples[count] = moment - sent;
        count++;
        wait_for(publisher, 1);
    }
    report(count, moment - start, count);
}

static void fan_out(int port, int consumers, double seconds) {
    struct link *publisher = open_link(port);
    make_stream(publisher);
    int ready = epoll_create1(0);
    for (int n = 0; n < consumers; n++) {
        char subject[32];
        snprintf(subject, sizeof subject, "events.%d", n);
        struct link *link = open_link(port);
        say(link, "SUB %s 1\r\n", subject);
        add_consumer(publisher, subject);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
        epoll_ctl(ready, EPOLL_CTL_ADD, link->socket, &event);
    }
    prepare("reply");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = publisher};
    epoll_ctl(ready, EPOLL_CTL_ADD, publisher->socket, &event);
    long delivered = 0, outstanding = 0, published = 0;
    double start = now(), moment = start;
    while (moment < start + seconds) {
        // As fast as the consumers follow.
        while (outstanding < 256 && published * consumers - delivered < 4096L * consumers) {
            send_all(publisher, message, message_length);
            outstanding++;
            published++;
        }
        struct epoll_event found[128];
        int count = epoll_wait(ready, found, 128, 1000);
        for (int i = 0; i < count; i++) {
            struct link *link = found[i].data.ptr;
            int messages = take(link);
            if (link == publisher) outstanding -= messages; else delivered += messages;
        }
        moment = now();
    }
    report(delivered, moment - start, 0);
}

int main(int count, char **words) {
    if (count == 5 && strcmp(words[1], "publish") == 0)
        publish(atoi(words[2]), atoi(words[3]), atof(words[4]));
    else if (count == 4 && strcmp(words[1], "deliver") == 0)
        deliver(atoi(words[2]), atof(words[3]));
    else if (count == 5 && strcmp(words[1], "fan-out") == 0)
        fan_out(atoi(words[2]), atoi(words[3]), atof(words[4]));
    else {
        fprintf(stderr, "usage: jetstream publish|deliver|fan-out PORT …\n");
        return 2;
    }
    return 0;
}
