// Fans events out to many live subscribers of Apus, one thread: publishes over one PublishStream as
// fast as the subscribers follow, and counts deliveries. Prints one JSON object, as apus-load does.
//
//     subscribers PORT SUBSCRIBERS SUBSCRIBE SECONDS PUBLISH EVENTS
//     subscribers PORT SUBSCRIBERS SUBSCRIBE      until each stream has ended
//
// SUBSCRIBE and PUBLISH are files with a request each, behind gRPC's prefix; the latter holds EVENTS
// events. A client in C over nghttp2, so that what is measured is the server.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    streams_a_connection = 50,
    most_requests_unanswered = 16,
    // Events that the slowest may be behind.
    most_behind = 8192,
    window = 1 << 26,
};

struct bytes {
    uint8_t *at;
    size_t count;
};

// Walks a stream of gRPC messages, whole or in pieces, and the fields of each, which are all of
// length and content.
struct walk {
    enum { in_prefix, in_tag, in_length, in_content } place;
    uint32_t prefix_seen;
    uint64_t number;
    unsigned shift;
    uint64_t field, left, message_left;
    long messages, deliveries;
};

struct stream {
    struct walk walk;
    int is_open;
    // Of a request that is being sent.
    struct bytes request;
    size_t sent;
};

struct connection {
    int socket;
    nghttp2_session *session;
};

static struct bytes subscribe_request, publish_request;
static long allowed, written;
static int opened, closed;
static struct stream *publisher;
// Of streams that ended.
static char status[512];

static void die(const char *what) {
    fprintf(stderr, "subscribers: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static struct bytes contents(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) die(path);
    struct bytes found = {malloc(8 << 20), 0};
    found.count = fread(found.at, 1, 8 << 20, file);
    fclose(file);
    return found;
}

static void end_of_piece(struct walk *walk) {
    walk->place = walk->message_left == 0 ? in_prefix : in_tag;
    walk->prefix_seen = 0;
    walk->number = 0;
    walk->shift = 0;
}

static void feed(struct walk *walk, const uint8_t *at, size_t count) {
    while (count > 0) {
        if (walk->place == in_content) {
            uint64_t step = walk->left < count ? walk->left : count;
            at += step;
            count -= step;
            walk->left -= step;
            walk->message_left -= step;
            if (walk->left == 0) end_of_piece(walk);
            continue;
        }
        uint8_t byte = *at++;
        count--;
        if (walk->place == in_prefix) {
            if (walk->prefix_seen++ > 0) walk->message_left = walk->message_left << 8 | byte;
            else walk->message_left = 0;
            if (walk->prefix_seen < 5) continue;
            walk->messages++;
            end_of_piece(walk);
            continue;
        }
        walk->message_left--;
        walk->number |= (uint64_t)(byte & 0x7f) << walk->shift;
        walk->shift += 7;
        if (byte & 0x80) continue;
        if (walk->place == in_tag) {
            walk->field = walk->number >> 3;
            walk->place = in_length;
        } else {
            if (walk->field == 1) walk->deliveries++;
            walk->left = walk->number;
            walk->place = in_content;
            if (walk->left == 0) end_of_piece(walk);
            continue;
        }
        walk->number = 0;
        walk->shift = 0;
    }
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t count, void *connection) {
    (void)flags, (void)connection;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream != NULL) feed(&stream->walk, data, count);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *connection) {
    (void)connection;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream != NULL && !stream->is_open) {
        stream->is_open = 1;
        if (stream != publisher) opened++;
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t length, uint8_t flags,
                     void *connection) {
    (void)session, (void)frame, (void)flags, (void)connection;
    size_t used = strlen(status);
    if (name_length >= 5 && memcmp(name, "grpc-", 5) == 0)
        snprintf(status + used, sizeof status - used, "%.*s: %.*s ", (int)name_length, name,
            (int)length, value);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *connection) {
    (void)session, (void)connection;
    if (code != 0 || publisher != NULL) {
        fprintf(stderr, "subscribers: stream %d ended, code %u, %s\n", id, code, status);
        exit(1);
    }
    closed++;
    return 0;
}

static ssize_t next_request(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room,
                            uint32_t *flags, nghttp2_data_source *source, void *connection) {
    (void)session, (void)id, (void)connection;
    struct stream *stream = source->ptr;
    if (stream == publisher && stream->sent == stream->request.count) {
        stream->sent = 0;
        written++;
    }
    if (stream == publisher && stream->sent == 0 && written >= allowed) return NGHTTP2_ERR_DEFERRED;
    size_t count = stream->request.count - stream->sent;
    if (count > room) count = room;
    memcpy(buffer, stream->request.at + stream->sent, count);
    stream->sent += count;
    if (stream != publisher && stream->sent == stream->request.count) *flags = NGHTTP2_DATA_FLAG_EOF;
    return count;
}

static int32_t call(struct connection *connection, struct stream *stream, const char *method) {
#define FIELD(name, value) \
    {(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE}
    nghttp2_nv fields[] = {
        FIELD(":method", "POST"), FIELD(":scheme", "http"), FIELD(":path", method),
        FIELD(":authority", "localhost"), FIELD("te", "trailers"),
        FIELD("content-type", "application/grpc"), FIELD("x-tenant-id", "bench"),
    };
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = next_request};
    return nghttp2_submit_request(
        connection->session, NULL, fields, sizeof fields / sizeof fields[0], &body, stream);
}

static void flush(struct connection *connection) {
    const uint8_t *bytes;
    ssize_t count;
    while ((count = nghttp2_session_mem_send(connection->session, &bytes)) > 0)
        while (count > 0) {
            ssize_t sent = write(connection->socket, bytes, count);
            if (sent < 0) die("write");
            bytes += sent;
            count -= sent;
        }
}

static struct connection *open_connection(int port, int ready) {
    struct connection *connection = calloc(1, sizeof *connection);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->socket, (void *)&address, sizeof address) != 0) die("connect");
    int on = 1;
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_client_new(&connection->session, callbacks, connection);
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
    nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 1);
    nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, window);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(ready, EPOLL_CTL_ADD, connection->socket, &event);
    return connection;
}

static void receive(struct connection *connection) {
    static uint8_t input[1 << 20];
    ssize_t got = read(connection->socket, input, sizeof input);
    if (got <= 0) die("read");
    if (nghttp2_session_mem_recv(connection->session, input, got) < 0) die("HTTP/2");
    flush(connection);
}

static void turn(int ready) {
    struct epoll_event found[64];
    int count = epoll_wait(ready, found, 64, 1000);
    for (int i = 0; i < count; i++) receive(found[i].data.ptr);
}

static void keep_publishing(struct stream *streams, int subscribers, int port, int ready,
                            double until, int events) {
    struct connection *connection = open_connection(port, ready);
    publisher = &streams[subscribers];
    publisher->request = publish_request;
    int32_t publishing = call(connection, publisher, "/apus.v1.EventService/PublishStream");
    while (now() < until) {
        long slowest = streams[0].walk.deliveries;
        for (int n = 1; n < subscribers; n++)
            if (streams[n].walk.deliveries < slowest) slowest = streams[n].walk.deliveries;
        long room = (most_behind + slowest) / events;
        long pipe = publisher->walk.messages + most_requests_unanswered;
        allowed = room < pipe ? room : pipe;
        if (written < allowed) nghttp2_session_resume_data(connection->session, publishing);
        flush(connection);
        turn(ready);
    }
}

int main(int count, char **words) {
    if (count != 4 && count != 7) {
        fprintf(stderr, "usage: subscribers PORT SUBSCRIBERS SUBSCRIBE [SECONDS PUBLISH EVENTS]\n");
        return 2;
    }
    int port = atoi(words[1]), subscribers = atoi(words[2]);
    subscribe_request = contents(words[3]);
    double start = now();
    int ready = epoll_create1(0);
    struct stream *streams = calloc(subscribers + 1, sizeof *streams);
    struct connection *connection = NULL;
    for (int n = 0; n < subscribers; n++) {
        if (n % streams_a_connection == 0) connection = open_connection(port, ready);
        streams[n].request = subscribe_request;
        call(connection, &streams[n], "/apus.v1.EventService/Subscribe");
        flush(connection);
    }
    if (count == 7) {
        while (opened < subscribers) turn(ready);
        publish_request = contents(words[5]);
        start = now();
        keep_publishing(streams, subscribers, port, ready, start + atof(words[4]), atoi(words[6]));
    } else {
        while (closed < subscribers) turn(ready);
    }
    double end = now();
    long delivered = 0;
    for (int n = 0; n < subscribers; n++) delivered += streams[n].walk.deliveries;
    printf("{\"events\":%ld,\"seconds\":%f,\"p50\":0,\"p99\":0}\n", delivered, end - start);
    return 0;
}
